import type { BalancerInput } from './balancer.ts';

/** A key's next places are looked at this far; then whoever has room, in the order of the list. */
const MAX_STEPS = 1024;

/**
 * The walk over a circle of places that belong to endpoints, from the place of a key on: the first owner has it, unless it is to be avoided or
 * has too much. Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam): nobody may have more than `factor` times its part,
 * by weight, of what is in flight with the new request. There is always one with room, since all room together is more than what there is.
 */
export class BoundedWalk {
  readonly #owners: Uint16Array;
  readonly #weights: readonly number[];
  /** 0 = there is no bound. */
  readonly #factor: number;
  readonly #inFlightOf: (index: number) => number;
  readonly #sum: number;
  /** Of the pick that runs. */
  readonly #inFlight: Float64Array;
  #roomPerWeight = 0;

  constructor(owners: Uint16Array, { weights, inFlightOf }: Pick<BalancerInput, 'weights' | 'inFlightOf'>, factor: number) {
    this.#owners = owners;
    this.#weights = weights;
    this.#factor = factor;
    this.#inFlightOf = inFlightOf;
    this.#sum = weights.reduce((sum, weight) => sum + weight, 0);
    this.#inFlight = new Float64Array(weights.length);
  }

  from(start: number, avoid: number): number {
    const owner = this.#owners[start] ?? 0;
    // An idle one always has room; only else all are looked at.
    if (owner !== avoid && (this.#factor === 0 || this.#inFlightOf(owner) === 0)) return owner;
    this.#count();
    if (owner !== avoid && this.#hasRoom(owner)) return owner;
    return this.#next(start, avoid);
  }

  #next(start: number, avoid: number): number {
    const owners = this.#owners;
    const steps = Math.min(owners.length, MAX_STEPS);
    for (let step = 1, at = start + 1; step < steps; step++, at++) {
      if (at >= owners.length) at -= owners.length;
      const owner = owners[at] ?? 0;
      if (owner !== avoid && this.#hasRoom(owner)) return owner;
    }
    const { length } = this.#weights;
    for (let i = 0; i < length; i++) if (i !== avoid && this.#hasRoom(i)) return i;
    // Only the one to be avoided has room.
    return (avoid + 1) % length;
  }

  /** Once for each pick that needs it. */
  #count(): void {
    let total = 1;
    for (let i = 0; i < this.#weights.length; i++) {
      const inFlight = this.#factor === 0 ? 0 : this.#inFlightOf(i);
      this.#inFlight[i] = inFlight;
      total += inFlight;
    }
    this.#roomPerWeight = (this.#factor * total) / this.#sum;
  }

  #hasRoom(index: number): boolean {
    return this.#factor === 0 || (this.#inFlight[index] ?? 0) < this.#roomOf(index);
  }

  #roomOf(index: number): number {
    // A product that is a whole number on paper may be a last bit more.
    return Math.ceil(this.#roomPerWeight * (this.#weights[index] ?? 0) - 1e-9);
  }
}
