/**
 * Smooth weighted round-robin: over any run of picks as long as the sum of the weights, each is picked as often as its weight
 * says, and the picks of a heavy one are spread among the others. The method of nginx: each pick adds every one's weight to
 * its credit, takes the highest (the first of equals) and charges it the sum.
 */
export class RoundRobin {
  readonly #weights: readonly number[];
  readonly #credits: number[];
  readonly #sum: number;

  /** `weights`: positive integers, at least one. */
  constructor(weights: readonly number[]) {
    this.#weights = weights;
    this.#credits = weights.map(() => 0);
    this.#sum = weights.reduce((sum, weight) => sum + weight, 0);
  }

  /** Index of the next one. */
  pick(): number {
    const credits = this.#credits;
    if (credits.length === 1) return 0;
    let best = 0;
    for (let i = 0; i < credits.length; i++) {
      credits[i] = (credits[i] ?? 0) + (this.#weights[i] ?? 0);
      if ((credits[i] ?? 0) > (credits[best] ?? 0)) best = i;
    }
    credits[best] = (credits[best] ?? 0) - this.#sum;
    return best;
  }
}
