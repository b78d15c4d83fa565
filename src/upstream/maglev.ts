import { hash32 } from '../base/hash32.ts';
import type { Balancer, BalancerInput, BalancerSettings } from './balancer.ts';
import { BoundedWalk } from './load-bound.ts';

/** A prime, as the permutations want it, and Envoy's. A hundred for each of 650 endpoints, so that their parts differ by 1 % at most. */
export const MAGLEV_PLACES = 65_537;
const FREE = 0xffff;

/**
 * Maglev hashing (Eisenbud et al., NSDI 2016): a table in which every endpoint has its part of the places to within one, and a key is looked up
 * in one step. Each endpoint has an order of its own for all places, and they take turns in which each takes the first of its order that
 * is still free; a light one sits out turns by its weight. When one leaves a few keys of the others move too, fewer than one in a hundred.
 */
export class Maglev implements Balancer {
  readonly #length: number;
  readonly #walk: BoundedWalk;

  constructor(input: BalancerInput, { boundedLoad }: Pick<BalancerSettings, 'boundedLoad'>) {
    this.#length = input.names.length;
    this.#walk = new BoundedWalk(this.#length === 1 ? new Uint16Array(1) : placesOf(input), input, boundedLoad);
  }

  pick(key: number, avoid: number): number {
    return this.#length === 1 ? 0 : this.#walk.from((key >>> 0) % MAGLEV_PLACES, avoid);
  }
}

/** Filled in the order of the names, so that it is the same wherever they stand in a list. */
function placesOf({ names, weights }: BalancerInput): Uint16Array {
  const order = [...names.keys()].sort((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1));
  const heaviest = Math.max(...weights);
  const parts = Float64Array.from(order, (owner) => (weights[owner] ?? 1) / heaviest);
  const credits = new Float64Array(order.length);
  const turns = order.map((owner) => new Turn(owner, names[owner] ?? ''));
  const places = new Uint16Array(MAGLEV_PLACES).fill(FREE);
  let left = MAGLEV_PLACES;
  while (left > 0) {
    for (let i = 0; i < turns.length && left > 0; i++) {
      const credit = (credits[i] ?? 0) + (parts[i] ?? 0);
      credits[i] = credit < 1 ? credit : credit - 1;
      if (credit < 1) continue;
      turns[i]?.take(places);
      left--;
    }
  }
  return places;
}

/** The order in which one endpoint wants the places: from one on, in steps, around the whole table. */
class Turn {
  readonly #owner: number;
  readonly #step: number;
  #at: number;

  constructor(owner: number, name: string) {
    this.#owner = owner;
    this.#at = hash32(name, 1) % MAGLEV_PLACES;
    this.#step = (hash32(name, 2) % (MAGLEV_PLACES - 1)) + 1;
  }

  /** Its next place that is free; there is one. */
  take(places: Uint16Array): void {
    let at = this.#at;
    while (places[at] !== FREE) {
      at += this.#step;
      // Much of what a table costs is this loop, and a remainder would be most of it.
      if (at >= MAGLEV_PLACES) at -= MAGLEV_PLACES;
    }
    places[at] = this.#owner;
    this.#at = at;
  }
}
