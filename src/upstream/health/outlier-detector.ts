import type { PassiveHealthConfig } from '../../config/health-types.ts';
import { SAMPLE_BUCKETS, sampleQuantile } from '../adaptive-samples.ts';
import { CELL, type EndpointMemory, WORD } from '../endpoint-memory.ts';
import { type Ejection, Ejections } from './ejections.ts';
import { judgeInterval, judgeRuns, type Performance, type Runs, type Verdict } from './outlier-judge.ts';

export type OutlierEvents = {
  onEjected(verdict: Verdict, ejection: Ejection): void;
  onRestored(slot: number, reason: 'time is over' | 'passed a check'): void;
  /** Requests have failed there since the last look. */
  onFailures(slot: number): void;
};

/** What an endpoint had done at the last look; counts only ever grow. */
type Tally = { requests: number; failures: number; readonly samples: Float64Array | undefined };

/**
 * Finds the endpoints of one upstream that do worse than they should, in what all workers count of them. Runs of failures are looked at in each
 * `tick`, rates and response times once in `intervalMs`. A run that a success ends between two ticks has not been seen, and need not be.
 */
export class OutlierDetector {
  readonly #config: PassiveHealthConfig;
  readonly #memory: EndpointMemory;
  readonly #events: OutlierEvents;
  readonly #ejections: Ejections;
  readonly #tallies = new Map<number, Tally>();
  readonly #runs = new Map<number, number>();
  #slots: readonly number[] = [];
  #intervalMs = Number.NaN;

  constructor(config: PassiveHealthConfig, memory: EndpointMemory, events: OutlierEvents) {
    this.#config = config;
    this.#memory = memory;
    this.#events = events;
    this.#ejections = new Ejections(config);
  }

  get ejections(): Pick<Ejections, 'isEjected' | 'untilMs' | 'times' | 'ejected'> {
    return this.#ejections;
  }

  /** From now on these are the endpoints. */
  useSlots(slots: readonly number[]): void {
    const kept = new Set(slots);
    this.#slots = slots;
    this.#ejections.keepOnly(kept);
    for (const slot of this.#tallies.keys()) if (!kept.has(slot)) this.#tallies.delete(slot);
    for (const slot of this.#runs.keys()) if (!kept.has(slot)) this.#runs.delete(slot);
    for (const slot of slots) if (!this.#tallies.has(slot)) this.#tallies.set(slot, this.#read(slot));
  }

  tick(nowMs: number): void {
    for (const slot of this.#ejections.expire(nowMs)) this.#onRestored(slot, 'time is over');
    const runs = this.#slots.map((slot) => this.#runsOf(slot));
    for (const run of runs) this.#tellFailures(run);
    this.#ejectAll(judgeRuns(runs, this.#config), nowMs);
    if (Number.isNaN(this.#intervalMs)) this.#intervalMs = nowMs;
    if (nowMs - this.#intervalMs < this.#config.intervalMs) return;
    this.#intervalMs = nowMs;
    // Those that have been ejected just now go down by nothing: theirs is the interval that begins.
    this.#ejections.onInterval();
    const performances = this.#slots.map((slot) => this.#performanceOf(slot));
    this.#ejectAll(
      judgeInterval(
        performances.filter(({ slot }) => !this.#ejections.isEjected(slot)),
        this.#config,
      ),
      nowMs,
    );
  }

  /** An active check has passed. */
  onChecked(slot: number): void {
    if (this.#ejections.restore(slot)) this.#onRestored(slot, 'passed a check');
  }

  #ejectAll(verdicts: readonly Verdict[], nowMs: number): void {
    for (const verdict of verdicts) {
      const ejection = this.#ejections.eject(verdict.slot, this.#slots.length, nowMs);
      if (ejection !== undefined) this.#events.onEjected(verdict, ejection);
    }
  }

  /** What led to the ejection counts no more. */
  #onRestored(slot: number, reason: 'time is over' | 'passed a check'): void {
    const { words } = this.#memory;
    for (const word of RUN_WORDS) Atomics.store(words, this.#memory.wordAt(slot, word), 0);
    this.#tallies.set(slot, this.#read(slot));
    this.#events.onRestored(slot, reason);
  }

  #runsOf(slot: number): Runs {
    const at = (word: number): number => Atomics.load(this.#memory.words, this.#memory.wordAt(slot, word));
    return { slot, fiveXx: at(WORD.CONSECUTIVE_5XX), gateway: at(WORD.CONSECUTIVE_GATEWAY), local: at(WORD.CONSECUTIVE_LOCAL) };
  }

  #tellFailures({ slot, fiveXx, local }: Runs): void {
    const length = fiveXx + local;
    if (length > (this.#runs.get(slot) ?? 0)) this.#events.onFailures(slot);
    this.#runs.set(slot, length);
  }

  #performanceOf(slot: number): Performance {
    const before = this.#tallies.get(slot);
    const now = this.#read(slot);
    this.#tallies.set(slot, now);
    const { latency } = this.#config;
    const samples = now.samples?.map((count, bucket) => count - (before?.samples?.[bucket] ?? 0));
    return {
      slot,
      requests: now.requests - (before?.requests ?? 0),
      failures: now.failures - (before?.failures ?? 0),
      quantileMs: samples === undefined || latency === undefined ? 0 : sampleQuantile(samples, latency.quantile),
    };
  }

  #read(slot: number): Tally {
    const { successRate, failureShare, latency } = this.#config;
    const samples = latency === undefined ? undefined : new Float64Array(SAMPLE_BUCKETS);
    const tally: Tally = { requests: 0, failures: 0, samples };
    if (successRate === undefined && failureShare === undefined && latency === undefined) return tally;
    for (const cells of this.#memory.countsOfWorkers(slot)) {
      const failed = (cells[CELL.ERRORS_5XX] ?? 0) + (cells[CELL.ERRORS_LOCAL] ?? 0);
      tally.requests += (cells[CELL.ANSWERS] ?? 0) + (cells[CELL.ERRORS_LOCAL] ?? 0);
      tally.failures += failed;
      if (samples !== undefined) for (let i = 0; i < SAMPLE_BUCKETS; i++) samples[i] = (samples[i] ?? 0) + (cells[CELL.SAMPLES + i] ?? 0);
    }
    return tally;
  }
}

const RUN_WORDS: readonly number[] = [WORD.CONSECUTIVE_5XX, WORD.CONSECUTIVE_GATEWAY, WORD.CONSECUTIVE_LOCAL];
