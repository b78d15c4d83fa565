import { assert } from '../base/assert.ts';
import { createSegment, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

const VERSION = 1;
const STRIDE = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;

/**
 * Signs of life: one int32 for each worker, each on its own cache line.
 *
 * Invariants
 * - A worker alone stores to its cell, by `beat`, from its event loop; the coordinator alone reads.
 * - A beat says nothing but "changed": the number wraps and is only ever compared for difference. 2^32 beats would have to
 *   pass between two looks of the coordinator to hide one.
 * - A dead worker's cell stays where it stopped; its successor goes on from there.
 */
export class Heartbeats {
  readonly memory: SharedArrayBuffer;
  readonly workers: number;
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    const [workers = 0] = readDimensions(memory, SEGMENT_KINDS.heartbeats, VERSION);
    const { offset, bytes } = planHeartbeats(workers).regions.beats;
    this.memory = memory;
    this.workers = workers;
    this.#cells = new Int32Array(memory, offset, bytes / Int32Array.BYTES_PER_ELEMENT);
  }

  /** The worker's loop has turned. */
  beat(worker: number): void {
    Atomics.add(this.#cells, worker * STRIDE, 1);
  }

  /** The worker's latest beat. */
  read(worker: number): number {
    assert(worker >= 0 && worker < this.workers, `worker ${worker} is one of ${this.workers}`);
    return Atomics.load(this.#cells, worker * STRIDE);
  }
}

/** Makes the cells for `workers` workers. Called once, by the coordinator. */
export function createHeartbeats(workers: number): Heartbeats {
  return new Heartbeats(createSegment(planHeartbeats(workers)));
}

function planHeartbeats(workers: number): SegmentPlan<'beats'> {
  const identity = { kind: SEGMENT_KINDS.heartbeats, version: VERSION, dimensions: [workers] };
  return planSegment(identity, [['beats', workers * LINE_BYTES]]);
}

/** What the coordinator remembers of one worker between two looks. */
export type HeartbeatWatch = {
  readonly beat: number;
  /** For how long the beat has not changed, in ms, as far as the coordinator was awake to see it. */
  readonly quietMs: number;
  readonly lookedMs: number;
  readonly isReported: boolean;
};

export type HeartbeatLimits = {
  /** Quiet for this long: report it. */
  readonly reportMs: number;
  /** Quiet for this long: replace the worker. */
  readonly replaceMs: number;
  /**
   * The most that one look may add to the quiet time; about twice the interval of looking. When the whole process was
   * stopped (SIGSTOP, a suspended machine, a starved host) the coordinator may wake before its workers do and would
   * otherwise take its own sleep for theirs.
   */
  readonly maxStepMs: number;
};

/**
 * `alive`: it turns. `stuck`: it has just passed `reportMs` (said once). `quiet`: not turning, nothing new to do.
 * `recovered`: turns again after it was reported. `replace`: quiet beyond `replaceMs` (said at every look until it is replaced).
 */
export type HeartbeatVerdict = 'alive' | 'stuck' | 'quiet' | 'recovered' | 'replace';

export function watchHeartbeat(beat: number, nowMs: number): HeartbeatWatch {
  return { beat, quietMs: 0, lookedMs: nowMs, isReported: false };
}

/** Judges one look. Pure; `nowMs` is monotonic. The answer's `watch` is what to pass in next time. */
export function judgeHeartbeat(
  look: { readonly watch: HeartbeatWatch; readonly beat: number; readonly nowMs: number },
  limits: HeartbeatLimits,
): { readonly verdict: HeartbeatVerdict; readonly watch: HeartbeatWatch } {
  const { watch, beat, nowMs } = look;
  if (beat !== watch.beat) return { verdict: watch.isReported ? 'recovered' : 'alive', watch: watchHeartbeat(beat, nowMs) };
  const stepMs = Math.min(Math.max(nowMs - watch.lookedMs, 0), limits.maxStepMs);
  const quietMs = watch.quietMs + stepMs;
  const isLate = quietMs >= limits.reportMs;
  const next = { beat, quietMs, lookedMs: nowMs, isReported: watch.isReported || isLate };
  if (quietMs >= limits.replaceMs) return { verdict: 'replace', watch: next };
  if (isLate && !watch.isReported) return { verdict: 'stuck', watch: next };
  return { verdict: isLate ? 'quiet' : 'alive', watch: next };
}
