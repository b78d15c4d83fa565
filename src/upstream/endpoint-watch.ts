import type { Breaker } from './breaker.ts';
import { sampleBucket } from './adaptive-samples.ts';
import { CELL, type EndpointMemory, WORD } from './endpoint-memory.ts';
import type { FailureKind } from './failure.ts';

/** Why an endpoint is asked: what comes first, or what is asked beyond that. */
export type TryKind = 'first' | 'retry' | 'hedge' | 'mirror' | 'revalidation';

const KIND_CELLS: Readonly<Record<TryKind, number>> = {
  first: CELL.FIRSTS,
  retry: CELL.RETRIES,
  hedge: CELL.HEDGES,
  mirror: CELL.MIRRORS,
  revalidation: CELL.REVALIDATIONS,
};

/** Failures that are the endpoint's; what is refused on our side of the wire says nothing of it. */
const LOCAL: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'connect-refused',
  'connect-timeout',
  'connect-failed',
  'dns-failed',
  'reset',
  'response-timeout',
  'try-timeout',
  'idle-timeout',
  'too-slow',
  'malformed-head',
  'malformed-body',
  'head-too-large',
  'truncated',
  'unexpected-upgrade',
]);

/** Where not, it says nothing of the endpoint. */
export function isEndpointsFault(kind: FailureKind): boolean {
  return LOCAL.has(kind);
}

/**
 * What one worker tells all threads of one endpoint: what is in flight, what came of it, and the runs of failures, which are kept over the
 * whole host. Each `begin` has one `end`.
 */
export class EndpointWatch {
  readonly slot: number;
  /** `null`: it has none. */
  readonly breaker: Breaker | null;
  readonly #words: Int32Array;
  readonly #own: Float64Array;
  readonly #at: { readonly fiveXx: number; readonly gateway: number; readonly local: number };

  constructor(memory: EndpointMemory, { worker, slot }: { readonly worker: number; readonly slot: number }, breaker: Breaker | null) {
    this.slot = slot;
    this.breaker = breaker;
    this.#words = memory.words;
    this.#own = memory.countsOf(worker, slot);
    this.#at = {
      fiveXx: memory.wordAt(slot, WORD.CONSECUTIVE_5XX),
      gateway: memory.wordAt(slot, WORD.CONSECUTIVE_GATEWAY),
      local: memory.wordAt(slot, WORD.CONSECUTIVE_LOCAL),
    };
  }

  begin(kind: TryKind): void {
    this.#add(CELL.IN_FLIGHT);
    this.#add(KIND_CELLS[kind]);
  }

  end(): void {
    this.#own[CELL.IN_FLIGHT] = Math.max(0, (this.#own[CELL.IN_FLIGHT] ?? 0) - 1);
  }

  /** The head of an answer has come after `ms`. */
  onAnswer(status: number, ms: number): void {
    this.#add(CELL.ANSWERS);
    this.#add(CELL.SAMPLES + sampleBucket(ms));
    if (status < 500) {
      this.#clear(this.#at.fiveXx);
      this.#clear(this.#at.gateway);
    } else {
      this.#add(CELL.ERRORS_5XX);
      Atomics.add(this.#words, this.#at.fiveXx, 1);
      if (status >= 502 && status <= 504) {
        this.#add(CELL.ERRORS_GATEWAY);
        Atomics.add(this.#words, this.#at.gateway, 1);
      } else this.#clear(this.#at.gateway);
    }
    this.#clear(this.#at.local);
  }

  /** There was none, or it broke off. */
  onFailure(kind: FailureKind): void {
    if (!isEndpointsFault(kind)) return;
    this.#add(CELL.ERRORS_LOCAL);
    Atomics.add(this.#words, this.#at.local, 1);
  }

  #add(cell: number): void {
    this.#own[cell] = (this.#own[cell] ?? 0) + 1;
  }

  /** A store only where there is something to clear: the line stays in every core's cache. */
  #clear(at: number): void {
    if (Atomics.load(this.#words, at) !== 0) Atomics.store(this.#words, at, 0);
  }
}
