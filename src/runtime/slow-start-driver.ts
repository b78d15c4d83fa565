import type { EndpointState } from '../config/upstream-types.ts';
import { rampShare } from '../upstream/breaker-keeper.ts';
import { FULL_WEIGHT, WORD } from '../upstream/endpoint-memory.ts';
import type { DrivenUpstream, UpstreamDriver } from './upstream-driver.ts';

/** Since when an endpoint is on its way to its whole weight; `undefined` = it has it. */
type Course = { wasUsable: boolean; sinceMs: number | undefined };

/**
 * Slow start: an endpoint that discovery has found, or that can be used again, gets a tenth of its weight, and more and more until it has all.
 * Those that were there when the upstream was configured have it from the start: they are all equally new.
 */
class SlowStartDriver implements UpstreamDriver {
  readonly #upstream: DrivenUpstream;
  readonly #courses = new Map<number, Course>();

  constructor(upstream: DrivenUpstream) {
    this.#upstream = upstream;
    for (const { slot } of upstream.endpoints()) this.#courses.set(slot, { wasUsable: true, sinceMs: undefined });
  }

  tick(nowMs: number): void {
    for (const [slot, course] of this.#courses) {
      const isUsable = this.#isUsable(slot);
      if (isUsable && !course.wasUsable) course.sinceMs = nowMs;
      // Beforehand: until the tick after its return it would have its whole weight.
      if (!isUsable && course.wasUsable) this.#begin(slot);
      course.wasUsable = isUsable;
      if (isUsable && course.sinceMs !== undefined) this.#go(slot, course, nowMs - course.sinceMs);
    }
  }

  /** Newcomers are as those that could not be used before. */
  onEndpoints(endpoints: readonly EndpointState[]): void {
    const wanted = new Set(endpoints.map(({ slot }) => slot));
    for (const slot of this.#courses.keys()) if (!wanted.has(slot)) this.#courses.delete(slot);
    for (const slot of wanted) {
      if (this.#courses.has(slot)) continue;
      this.#courses.set(slot, { wasUsable: false, sinceMs: undefined });
      this.#begin(slot);
    }
  }

  stop(): void {
    for (const slot of this.#courses.keys()) this.#upstream.setWeight(slot, 'slow-start', FULL_WEIGHT);
  }

  get #lengthMs(): number {
    return this.#upstream.config.balance.slowStartMs;
  }

  #begin(slot: number): void {
    this.#upstream.setWeight(slot, 'slow-start', rampShare(0, this.#lengthMs));
  }

  #go(slot: number, course: Course, elapsedMs: number): void {
    const share = rampShare(elapsedMs, this.#lengthMs);
    if (share === FULL_WEIGHT) course.sinceMs = undefined;
    this.#upstream.setWeight(slot, 'slow-start', share);
  }

  #isUsable(slot: number): boolean {
    const { words } = this.#upstream.memory;
    return Atomics.load(words, this.#upstream.memory.wordAt(slot, WORD.STATE)) === 0;
  }
}

export function driveSlowStart(upstream: DrivenUpstream): UpstreamDriver | undefined {
  return upstream.config.balance.slowStartMs === 0 ? undefined : new SlowStartDriver(upstream);
}
