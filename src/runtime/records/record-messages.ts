import type { MessagePort } from 'node:worker_threads';
import type { BeginOrder, Begun, GivingUp, KeptAnswer, RunToken } from '../../exchange/idempotency-records.ts';

/** Everything that crosses the border of the records thread, as plain data. */

/** What the records thread is started with. */
export type RecordsStart = {
  /** `store.path`. */
  readonly path: string;
  readonly limitBytes: number;
  /** The owner's name that the thread before this one had, in the same process; '' = it is the first. Its runs may still go on. */
  readonly predecessor: string;
};

/** Coordinator to records thread. */
export type ToRecords =
  | { readonly kind: 'connect'; readonly port: MessagePort }
  | { readonly kind: 'limit'; readonly limitBytes: number }
  /** Workers have ended: write what there is, and end. */
  | { readonly kind: 'close' };

/** Records thread to coordinator. */
export type FromRecords =
  | { readonly kind: 'event'; readonly event: RecordsEvent }
  | { readonly kind: 'owner'; readonly name: string }
  | { readonly kind: 'figures'; readonly figures: RecordFigures };

/** `lost`: requests that were running when their process died. */
export type RecordsEvent =
  | { readonly kind: 'opened'; readonly records: number; readonly bytes: number; readonly lost: number; readonly tookMs: number }
  | { readonly kind: 'unusable'; readonly problem: string }
  | { readonly kind: 'failed'; readonly problem: string };

export type RecordFigures = {
  readonly records: number;
  readonly bytes: number;
  readonly limitBytes: number;
  /** Since the thread began. */
  readonly droppedAnswers: number;
  readonly failures: number;
};

/** Worker to records thread. `id`: of the question, for one worker. */
export type AskRecords =
  | { readonly kind: 'begin'; readonly id: number; readonly order: BeginOrder }
  | { readonly kind: 'leave'; readonly id: number }
  | { readonly kind: 'complete'; readonly token: RunToken; readonly answer: KeptAnswer }
  | { readonly kind: 'giveUp'; readonly token: RunToken; readonly how: GivingUp }
  /** First of all: these run here, from the time of an earlier records thread. */
  | { readonly kind: 'resume'; readonly tokens: readonly RunToken[] };

/** Records thread to worker. */
export type TellWorker =
  | { readonly kind: 'begun'; readonly id: number; readonly begun: Begun }
  | { readonly kind: 'kept'; readonly token: RunToken; readonly isKept: boolean };
