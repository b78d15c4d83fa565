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
  const places = new Uint16Array(MAGLEV_PLACES).fill(FREE);
  const turns = order.map((owner) => {
    const name = names[owner] ?? '';
    return {
      owner,
      part: (weights[owner] ?? 1) / heaviest,
      credit: 0,
      at: hash32(name, 1) % MAGLEV_PLACES,
      skip: (hash32(name, 2) % (MAGLEV_PLACES - 1)) + 1,
    };
  });
  let left = MAGLEV_PLACES;
  while (left > 0) {
    for (const turn of turns) {
      turn.credit += turn.part;
      if (turn.credit < 1) continue;
      turn.credit -= 1;
      while (places[turn.at] !== FREE) turn.at = (turn.at + turn.skip) % MAGLEV_PLACES;
      places[turn.at] = turn.owner;
      turn.at = (turn.at + turn.skip) % MAGLEV_PLACES;
      left--;
      if (left === 0) break;
    }
  }
  return places;
}
