import type { Balancer, BalancerInput } from './balancer.ts';
import { WeightedDraw } from './random-choice.ts';

/**
 * The least busy of a few, drawn by lot (power of two choices, Mitzenmacher): a slow endpoint keeps its requests longer, so it loses more
 * comparisons and gets fewer. Not the least busy of all: workers that look at the same moment would all send there.
 *
 * The few are drawn by weight, each not the best so far, and compared by requests in flight for each unit of weight; of equals the one that was drawn
 * first stays. So an idle upstream is shared by weight exactly, and a busy one so that each has work in proportion to its weight.
 */
export class LeastRequests implements Balancer {
  readonly #weights: readonly number[];
  readonly #inFlightOf: (index: number) => number;
  readonly #random: () => number;
  readonly #draw: WeightedDraw;
  readonly #choices: number;

  constructor({ weights, inFlightOf, random }: BalancerInput, choices: number) {
    this.#weights = weights;
    this.#inFlightOf = inFlightOf;
    this.#random = random;
    this.#draw = new WeightedDraw(weights);
    this.#choices = choices;
  }

  pick(_key: number, avoid: number): number {
    if (this.#weights.length === 1) return 0;
    let best = this.#draw.other(this.#random, avoid);
    let bestLoad = this.#loadOf(best);
    for (let i = 1; i < this.#choices; i++) {
      // Nobody is less busy than idle.
      if (bestLoad === 0) return best;
      const other = this.#draw.other(this.#random, best);
      if (other === avoid) continue;
      const load = this.#loadOf(other);
      if (load >= bestLoad) continue;
      best = other;
      bestLoad = load;
    }
    return best;
  }

  #loadOf(index: number): number {
    return this.#inFlightOf(index) / (this.#weights[index] ?? 1);
  }
}
