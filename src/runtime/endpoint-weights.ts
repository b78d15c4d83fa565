import { FULL_WEIGHT } from '../upstream/endpoint-memory.ts';

/** Why an endpoint has less than its usual weight. */
export type WeightReason = 'breaker' | 'slow-start';

/** What part of its weight each endpoint has now, in thousandths: of several reasons for less the strictest holds. */
export class EndpointWeights {
  readonly #reasons = new Map<number, Map<WeightReason, number>>();

  /** The answer is what holds from now on. */
  set(slot: number, reason: WeightReason, thousandths: number): number {
    const reasons = this.#reasons.get(slot) ?? new Map<WeightReason, number>();
    if (thousandths >= FULL_WEIGHT) reasons.delete(reason);
    else reasons.set(reason, thousandths);
    if (reasons.size === 0) this.#reasons.delete(slot);
    else this.#reasons.set(slot, reasons);
    return Math.min(FULL_WEIGHT, ...reasons.values());
  }
}
