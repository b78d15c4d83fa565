import type { ValueMatch } from './types.ts';

/** Copies of requests for another upstream, whose answers nobody gets. */
export type MirrorConfig = {
  readonly upstream: string;
  /** Of the requests, 0 to 1. */
  readonly sample: number;
  /** Upper-case. */
  readonly methods: readonly string[];
  /** Of a request; a longer one is not copied. */
  readonly maxBodyBytes: number;
  /** Copies under way on one worker. One more is dropped. */
  readonly maxPending: number;
  /** `undefined`: answers are thrown away unseen. */
  readonly compare: CompareConfig | undefined;
};

export type CompareConfig = {
  /** `status`, `header.NAME`, `body`, or a path in it: these and what is in them. Empty: all. */
  readonly fields: readonly string[];
  readonly ignored: readonly string[];
  /** Lower-case names of response fields that are compared. */
  readonly headers: readonly string[];
  /** Of an answer; of a longer one the length and the first part are compared. */
  readonly maxBodyBytes: number;
  /** Of fewer comparisons nothing is said. */
  readonly minRequests: number;
};

/** When an upstream in a split has no weight although it is configured: by what comparisons with it have shown. */
export type HoldOn = 'never' | 'differs' | 'not-same';

/** What is done to some requests for a drill. */
export type FaultConfig = {
  /** Of the requests, 0 to 1. */
  readonly share: number;
  /** All must match. `name` in lower case. */
  readonly when: readonly { readonly name: string; readonly match: ValueMatch }[];
  /** Before the request goes on. 0 = none. */
  readonly delayMs: number;
  /** It is answered so. 0 = not. */
  readonly abortStatus: number;
  /** Of the answer's body. 0 = as it comes. */
  readonly throttleBytesPerSec: number;
};
