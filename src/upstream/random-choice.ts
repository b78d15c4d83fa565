import type { Balancer, BalancerInput } from './balancer.ts';

/** Draws that may fall on the one to be avoided before the others are asked without regard to weight. */
const MAX_DRAWS = 8;

/**
 * A draw by weight in constant time (Walker's alias method, filled as Vose has it): a column for each, as high as the mean; what a heavy one has
 * too much fills up the columns of the light ones. One random number tells the column, and how high in it.
 */
export class WeightedDraw {
  readonly #own: Float64Array;
  readonly #alias: Uint16Array;

  /** `weights`: positive. */
  constructor(weights: readonly number[]) {
    const { length } = weights;
    const sum = weights.reduce((total, weight) => total + weight, 0);
    this.#own = Float64Array.from(weights, (weight) => (weight * length) / sum);
    this.#alias = Uint16Array.from(weights, (_, index) => index);
    const heights = Float64Array.from(this.#own);
    const low = [...heights.keys()].filter((index) => (heights[index] ?? 0) < 1);
    const high = [...heights.keys()].filter((index) => (heights[index] ?? 0) >= 1);
    for (let lower = low.pop(); lower !== undefined; lower = low.pop()) {
      const higher = high.pop();
      if (higher === undefined) {
        this.#own[lower] = 1;
        continue;
      }
      this.#own[lower] = heights[lower] ?? 0;
      this.#alias[lower] = higher;
      const rest = (heights[higher] ?? 0) + (heights[lower] ?? 0) - 1;
      heights[higher] = rest;
      (rest < 1 ? low : high).push(higher);
    }
    for (const higher of high) this.#own[higher] = 1;
  }

  /** `point`: 0 to 1, 1 excluded. */
  at(point: number): number {
    const place = point * this.#own.length;
    const column = Math.floor(place);
    return place - column < (this.#own[column] ?? 1) ? column : (this.#alias[column] ?? column);
  }

  /** By lot, but not `avoid`; there are two at least. */
  other(random: () => number, avoid: number): number {
    for (let i = 0; i < MAX_DRAWS; i++) {
      const drawn = this.at(random());
      if (drawn !== avoid) return drawn;
    }
    // It has nearly all of the weight: one of the others, all alike.
    const other = Math.floor(random() * (this.#own.length - 1));
    return other < avoid ? other : other + 1;
  }
}

/** Each time by lot, by weight. */
export class RandomChoice implements Balancer {
  readonly #draw: WeightedDraw;
  readonly #random: () => number;
  readonly #length: number;

  constructor({ weights, random }: Pick<BalancerInput, 'weights' | 'random'>) {
    this.#draw = new WeightedDraw(weights);
    this.#random = random;
    this.#length = weights.length;
  }

  pick(_key: number, avoid: number): number {
    return this.#length === 1 ? 0 : this.#draw.other(this.#random, avoid);
  }
}
