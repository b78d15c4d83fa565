import type { PassiveHealthConfig } from '../../config/health-types.ts';

type Settings = Pick<PassiveHealthConfig, 'ejectForMs' | 'maxEjectForMs' | 'maxEjected'>;

/** `times`: how often lately. `untilMs`: -1 = is not ejected. `isCalm`: the whole interval has gone by without. */
type Standing = { times: number; untilMs: number; isCalm: boolean };

/** Of an endpoint that is ejected. */
export type Ejection = { readonly forMs: number; readonly times: number };

/**
 * Who is ejected, and until when. Invariants: never more than the share of the endpoints at once, but one always may be; each ejection that
 * follows soon is longer than the one before, up to the bound, and each interval without one takes a step back.
 */
export class Ejections {
  readonly #settings: Settings;
  readonly #standings = new Map<number, Standing>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get ejected(): number {
    let count = 0;
    for (const { untilMs } of this.#standings.values()) if (untilMs >= 0) count += 1;
    return count;
  }

  isEjected(slot: number): boolean {
    return this.untilMs(slot) >= 0;
  }

  /** -1 = is not ejected. */
  untilMs(slot: number): number {
    return this.#standings.get(slot)?.untilMs ?? -1;
  }

  times(slot: number): number {
    return this.#standings.get(slot)?.times ?? 0;
  }

  /** `undefined`: is ejected already, or one too many would be. `total`: how many endpoints there are. */
  eject(slot: number, total: number, nowMs: number): Ejection | undefined {
    const { ejectForMs, maxEjectForMs, maxEjected } = this.#settings;
    if (this.isEjected(slot) || this.ejected >= Math.max(1, Math.floor(total * maxEjected))) return undefined;
    const before = this.times(slot);
    // Growing past the bound would only make the way back longer.
    const times = before * ejectForMs < maxEjectForMs ? before + 1 : before;
    const forMs = Math.min(times * ejectForMs, maxEjectForMs);
    this.#standings.set(slot, { times, untilMs: nowMs + forMs, isCalm: false });
    return { forMs, times };
  }

  /** Those whose time is over, which they are from now on. */
  expire(nowMs: number): number[] {
    const over: number[] = [];
    for (const [slot, standing] of this.#standings) {
      if (standing.untilMs < 0 || nowMs < standing.untilMs) continue;
      standing.untilMs = -1;
      over.push(slot);
    }
    return over;
  }

  /** True: it was ejected. */
  restore(slot: number): boolean {
    const standing = this.#standings.get(slot);
    if (standing === undefined || standing.untilMs < 0) return false;
    standing.untilMs = -1;
    return true;
  }

  /** An interval has gone by. */
  onInterval(): void {
    for (const [slot, standing] of this.#standings) {
      if (standing.untilMs >= 0) continue;
      if (standing.isCalm) standing.times -= 1;
      standing.isCalm = true;
      if (standing.times <= 0) this.#standings.delete(slot);
    }
  }

  /** There are no other endpoints than these. */
  keepOnly(slots: ReadonlySet<number>): void {
    for (const slot of this.#standings.keys()) if (!slots.has(slot)) this.#standings.delete(slot);
  }
}
