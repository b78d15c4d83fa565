import type { BalancerInput } from './balancer.ts';

/** A key's next places are looked at this far; then whoever has room, in the order of the list. */
const MAX_STEPS = 1024;

/**
 * The walk over a circle of places that belong to endpoints, from the place of a key on: the first owner has it, unless it is to be avoided or
 * has too much. Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam): nobody may have more than `factor` times its part,
 * by weight, of what is in flight with the new request. There is always one with room, since all room together is more than what there is.
 *
 * With many endpoints to add up takes longer than all the rest of a pick, so from 16 on it is done for one pick in so many as there are times 16
 * endpoints: a part is off by less than one request for that.
 */
export class BoundedWalk {
  readonly #owners: Uint16Array;
  readonly #weights: readonly number[];
  /** 0 = there is no bound. */
  readonly #factor: number;
  readonly #inFlightOf: (index: number) => number;
  readonly #sum: number;
  readonly #maxAge: number;
  /** Picks since all was added up. */
  #age: number;
  #roomPerWeight = 0;

  constructor(owners: Uint16Array, { weights, inFlightOf }: Pick<BalancerInput, 'weights' | 'inFlightOf'>, factor: number) {
    this.#owners = owners;
    this.#weights = weights;
    this.#factor = factor;
    this.#inFlightOf = inFlightOf;
    this.#sum = weights.reduce((sum, weight) => sum + weight, 0);
    this.#maxAge = weights.length >> 4;
    this.#age = this.#maxAge;
  }

  from(start: number, avoid: number): number {
    const owner = this.#owners[start] ?? 0;
    if (this.#factor === 0) return owner === avoid ? this.#next(start, avoid) : owner;
    // An idle one always has room; only else all are looked at.
    if (owner !== avoid && this.#inFlightOf(owner) === 0) return owner;
    if (this.#age++ >= this.#maxAge) this.#addUp();
    return owner !== avoid && this.#hasRoom(owner) ? owner : this.#next(start, avoid);
  }

  #next(start: number, avoid: number): number {
    const owners = this.#owners;
    const steps = Math.min(owners.length, MAX_STEPS);
    for (let step = 1, at = start + 1; step < steps; step++, at++) {
      if (at >= owners.length) at -= owners.length;
      const owner = owners[at] ?? 0;
      if (owner !== avoid && this.#hasRoom(owner)) return owner;
    }
    return this.#anyOther(avoid);
  }

  #anyOther(avoid: number): number {
    if (this.#factor !== 0) this.#addUp();
    const { length } = this.#weights;
    for (let i = 0; i < length; i++) if (i !== avoid && this.#hasRoom(i)) return i;
    // Only the one to be avoided has room.
    return (avoid + 1) % length;
  }

  #addUp(): void {
    let total = 1;
    for (let i = 0; i < this.#weights.length; i++) total += this.#inFlightOf(i);
    this.#roomPerWeight = (this.#factor * total) / this.#sum;
    this.#age = 0;
  }

  #hasRoom(index: number): boolean {
    // A product that is a whole number on paper may be a last bit more.
    return this.#factor === 0 || this.#inFlightOf(index) < Math.ceil(this.#roomPerWeight * (this.#weights[index] ?? 0) - 1e-9);
  }
}
