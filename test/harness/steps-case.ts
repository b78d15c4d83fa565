/** What a participant may ask of the run. */
export type Stage = {
  readonly self: number;
  /** The case's clock: it stands still but for waits that time out. `performance.now` and `process.hrtime.bigint` follow it. */
  readonly nowMs: () => number;
  /** Notes a call with what it gave and where it began and ended among all noted calls. A promise is noted when it is kept. */
  readonly note: <T>(name: string, args: readonly unknown[], call: () => T) => T;
};

export type Participant = {
  /** Those that must have ended (returned or died) before this one begins; none if left out. */
  readonly after?: readonly number[];
  /** Called before each run, outside of the steps; what it returns is what runs step by step. What that returns is sent as JSON. */
  readonly prepare: (memories: readonly SharedArrayBuffer[], stage: Stage) => () => unknown;
};

/** A noted call. `end` is Infinity and `result` undefined when its participant died in it. */
export type NotedCall = {
  readonly who: number;
  readonly name: string;
  readonly args: readonly unknown[];
  readonly result: unknown;
  readonly begin: number;
  readonly end: number;
};

export type Ending =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly text: string }
  | { readonly kind: 'killed' };

export type RunResult = {
  /** One for each participant. */
  readonly endings: readonly Ending[];
  readonly calls: readonly NotedCall[];
  readonly steps: number;
  /** How many waits ended by their time because nobody could wake them any more. */
  readonly timeouts: number;
};

export type StepCase = {
  /** The memory as it is before each run; made once, then copied back. */
  readonly create: () => readonly SharedArrayBuffer[];
  readonly participants: readonly Participant[];
  /** All writes are atomic: then what the steps have touched is copied back in place of everything. For large memory. */
  readonly isAtomicOnly?: boolean;
  /** After each run, on one thread: everything that is wrong. An empty list is a good run. */
  readonly check: (memories: readonly SharedArrayBuffer[], result: RunResult) => readonly string[];
};

/** `STEP_CASES` of a module of cases, by their names. */
export type StepCases = Readonly<Record<string, StepCase>>;
