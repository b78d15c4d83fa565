import type { MessagePort } from 'node:worker_threads';
import type { Removal } from './disk-remover.ts';

/** Everything that crosses the border of the store thread, as plain data. */

/** What the store thread is started with. */
export type StoreStart = {
  readonly path: string;
  readonly limitBytes: number;
  readonly presence: SharedArrayBuffer;
  /** Its index among the participants of the object store. */
  readonly participant: number;
};

/** Coordinator to store thread. */
export type ToStore =
  /** A memory that workers may come to use. */
  | { readonly kind: 'memory'; readonly id: number; readonly store: SharedArrayBuffer; readonly epochs: SharedArrayBuffer }
  /** Workers use this one and no other any more. */
  | { readonly kind: 'settle'; readonly id: number }
  /** A worker, which has that slot. */
  | { readonly kind: 'connect'; readonly participant: number; readonly port: MessagePort }
  /** Answered by `purged`. */
  | { readonly kind: 'purge'; readonly id: number; readonly removals: readonly Removal[] }
  /** A successor writes from now on; answered by `retired`. */
  | { readonly kind: 'retire' }
  /** Write what there is, and end. */
  | { readonly kind: 'close' };

/** Store thread to coordinator. */
export type FromStore =
  | { readonly kind: 'event'; readonly event: StoreEvent }
  | { readonly kind: 'purged'; readonly id: number; readonly objects: number }
  | { readonly kind: 'retired' };

/** For the event log. */
export type StoreEvent =
  | {
      readonly kind: 'opened';
      readonly mode: 'writing' | 'waiting';
      readonly objects: number;
      readonly bytes: number;
      readonly tookMs: number;
    }
  /** What was there could not be used. */
  | { readonly kind: 'wiped'; readonly why: string }
  /** The process that wrote before has ended or given way. */
  | { readonly kind: 'tookOver' }
  | { readonly kind: 'readOnly'; readonly problem: string }
  | { readonly kind: 'writable' }
  /** Not even readable. */
  | { readonly kind: 'off'; readonly problem: string };

/** Worker to store thread: what one turn of the worker's loop brought. Removals are dealt with first, then writes, then fetches. */
export type WorkerBatch = {
  /** Of the object store that `writes` and `fetches` mean. */
  readonly memory: number;
  readonly keys: readonly string[];
  readonly names: readonly string[];
  readonly softNames: readonly string[];
  readonly writes: readonly WorkerWrite[];
  readonly fetches: readonly WorkerFetch[];
};

export type WorkerWrite = { readonly key: string; readonly entry: number; readonly generation: number };
export type WorkerFetch = { readonly id: number; readonly key: string };

/** Store thread to worker. */
export type FetchAnswer = { readonly id: number; readonly hasCome: boolean };
