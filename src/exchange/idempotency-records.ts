/**
 * What the exchange asks of whoever keeps the records of Idempotency-Key. They are on disk and shared by all workers, and by the
 * processes before and after this one. Everything is answered later, through a waiter, never within the call.
 */

/** An upstream's answer as clients get it. */
export type KeptAnswer = {
  /** `201 Created` */
  readonly statusText: string;
  /** Field lines, latin1. */
  readonly block: string;
  readonly body: Uint8Array;
};

/** The right to run the request of a key, once. */
export type RunToken = { readonly key: string; readonly run: number };

export type BeginOrder = {
  /** Digest of scope and key. */
  readonly key: string;
  /** Digest of the request. */
  readonly fingerprint: string;
  readonly ttlMs: number;
  /** Whether it waits for another request that runs with the same key. */
  readonly waits: boolean;
};

/** What is known of a key. All but `parked` are the end of the matter. */
export type Begun =
  /** Nothing: the request is to run, and its outcome to be told. */
  | { readonly kind: 'run'; readonly token: RunToken }
  /** `hasWaited`: for the request that it is the answer to. */
  | { readonly kind: 'replay'; readonly answer: KeptAnswer; readonly hasWaited: boolean }
  /** Another one runs. */
  | { readonly kind: 'running' }
  /** Another one runs, and what follows will be told. */
  | { readonly kind: 'parked' }
  /** It was the key of another request. */
  | { readonly kind: 'mismatch' }
  /** It ran, or did not: whoever knew has died or lost it. */
  | { readonly kind: 'unknown' }
  /** It ran, but its answer was too long to be kept, or had to make room. */
  | { readonly kind: 'unkept' }
  /** The records cannot be read or written. */
  | { readonly kind: 'unavailable' };

/** Why there will be no answer: nothing was sent, so that it may run anew; nobody knows what came of it; it is too long to be kept. */
export type GivingUp = 'unsent' | 'unknown' | 'unkept';

export interface BeginWaiter {
  onBegun(begun: Begun): void;
}

export interface KeepWaiter {
  /** False: the answer could not be kept, and its key will be told as unknown. */
  onKept(isKept: boolean): void;
}

export interface IdempotencyRecords {
  /** Asks what is known of a key. Returns the number of the question. */
  begin(order: BeginOrder, waiter: BeginWaiter): number;
  /** Nobody is interested in that question any more; a token that comes all the same is given back. */
  leave(question: number): void;
  /** The answer to what ran. The waiter is told when it would survive the power going. */
  complete(token: RunToken, answer: KeptAnswer, waiter: KeepWaiter): void;
  giveUp(token: RunToken, how: GivingUp): void;
}
