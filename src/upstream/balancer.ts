import { never } from '../base/never.ts';
import type { BalanceConfig } from '../config/balance-types.ts';
import { LeastRequests } from './least-requests.ts';
import { Maglev } from './maglev.ts';
import { RandomChoice } from './random-choice.ts';
import { RingHash } from './ring-hash.ts';

/**
 * The choice between the endpoints of a level. `key`: 32 bits of what the request is to be known by, where the choice goes by that. `avoid`:
 * one that has just failed, or -1; it is not picked where there is another one. Returns an index; 0 where there is only one. No pick allocates.
 */
export interface Balancer {
  pick(key: number, avoid: number): number;
}

/** What a balancer knows of the endpoints between which it chooses. */
export type BalancerInput = {
  /** `host:port` of each: what an endpoint is known by where a choice has to be the same on other threads and hosts. */
  readonly names: readonly string[];
  /** Whole numbers from 1, at least one of them. */
  readonly weights: readonly number[];
  /** The measure of weights that does not move with the state of the endpoints (`Level.fullWeight`). */
  readonly fullWeight: number;
  /** Requests under way on the whole host, those that wait for a connection included. */
  readonly inFlightOf: (index: number) => number;
  /** 0 to 1, 1 excluded. */
  readonly random: () => number;
};

export type BalancerSettings = Pick<BalanceConfig, 'method' | 'choices' | 'boundedLoad' | 'ringSize'>;

export function makeBalancer(settings: BalancerSettings, input: BalancerInput): Balancer {
  switch (settings.method) {
    case 'round-robin':
      return new RoundRobin(input.weights);
    case 'random':
      return new RandomChoice(input);
    case 'least-requests':
      return new LeastRequests(input, settings.choices);
    case 'ring-hash':
      return new RingHash(input, settings);
    case 'maglev':
      return new Maglev(input, settings);
    default:
      return never(settings.method, 'balance method');
  }
}

/**
 * Smooth weighted round-robin: over any run of picks as long as the sum of the weights, each is picked as often as its weight
 * says, and the picks of a heavy one are spread among the others. The method of nginx: each pick adds every one's weight to
 * its credit, takes the highest (the first of equals) and charges it the sum.
 */
export class RoundRobin implements Balancer {
  readonly #weights: readonly number[];
  readonly #credits: number[];
  readonly #sum: number;

  /** `weights`: positive integers, at least one. */
  constructor(weights: readonly number[]) {
    this.#weights = weights;
    this.#credits = weights.map(() => 0);
    this.#sum = weights.reduce((sum, weight) => sum + weight, 0);
  }

  pick(_key = 0, avoid = -1): number {
    const credits = this.#credits;
    if (credits.length === 1) return 0;
    if (avoid !== -1) return this.#pickOther(avoid);
    let best = 0;
    for (let i = 0; i < credits.length; i++) {
      credits[i] = (credits[i] ?? 0) + (this.#weights[i] ?? 0);
      if ((credits[i] ?? 0) > (credits[best] ?? 0)) best = i;
    }
    credits[best] = (credits[best] ?? 0) - this.#sum;
    return best;
  }

  /** A turn among the others alone. The one left out gets no credit for it: else it would be asked the more, the more often it fails. */
  #pickOther(avoid: number): number {
    const credits = this.#credits;
    let best = -1;
    for (let i = 0; i < credits.length; i++) {
      if (i === avoid) continue;
      credits[i] = (credits[i] ?? 0) + (this.#weights[i] ?? 0);
      if (best === -1 || (credits[i] ?? 0) > (credits[best] ?? 0)) best = i;
    }
    credits[best] = (credits[best] ?? 0) - this.#sum + (this.#weights[avoid] ?? 0);
    return best;
  }
}
