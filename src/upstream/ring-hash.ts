import { hash32, mix32 } from '../base/hash32.ts';
import type { Balancer, BalancerInput, BalancerSettings } from './balancer.ts';
import { BoundedWalk } from './load-bound.ts';

/** Points of all endpoints together. Where there would be more, all have half as many, and so on. */
const MAX_POINTS = 131_072;

/**
 * Consistent hashing on a ring (Karger; the way of ketama): each endpoint has points on a circle, and a key belongs to the next point after it.
 *
 * Where the points of an endpoint are depends on its name and its weight beside the heaviest alone, not on which others are there: when one
 * leaves, only its own keys move, and come back with it. So `ringSize` is the number of points of the heaviest endpoint and not of the ring.
 */
export class RingHash implements Balancer {
  readonly #hashes: Uint32Array;
  /** By the first bits of a hash: the first point that is not before it. */
  readonly #starts: Uint32Array;
  readonly #shift: number;
  readonly #length: number;
  readonly #walk: BoundedWalk;

  constructor(input: BalancerInput, { ringSize, boundedLoad }: Pick<BalancerSettings, 'ringSize' | 'boundedLoad'>) {
    const points = pointsOf(input, ringSize);
    const owners = new Uint16Array(points.length);
    this.#hashes = new Uint32Array(points.length);
    for (let i = 0; i < points.length; i++) {
      const point = points[i] ?? 0;
      const hash = Math.floor(point / OWNERS);
      this.#hashes[i] = hash;
      owners[i] = point - hash * OWNERS;
    }
    // About a point for each; at least two, since a number cannot be shifted by its whole length.
    const bits = Math.max(1, Math.floor(Math.log2(points.length)));
    this.#shift = 32 - bits;
    this.#starts = startsOf(this.#hashes, bits);
    this.#length = input.names.length;
    this.#walk = new BoundedWalk(owners, input, boundedLoad);
  }

  pick(key: number, avoid: number): number {
    return this.#length === 1 ? 0 : this.#walk.from(this.#after(mix32(key)), avoid);
  }

  /** The first point at or after `hash`; after the last one comes the first. */
  #after(hash: number): number {
    const hashes = this.#hashes;
    let at = this.#starts[hash >>> this.#shift] ?? 0;
    while (at < hashes.length && (hashes[at] ?? 0) < hash) at++;
    return at === hashes.length ? 0 : at;
  }
}

function startsOf(hashes: Uint32Array, bits: number): Uint32Array {
  const starts = new Uint32Array(2 ** bits);
  const width = 2 ** (32 - bits);
  for (let bucket = 0, at = 0; bucket < starts.length; bucket++) {
    while (at < hashes.length && (hashes[at] ?? 0) < bucket * width) at++;
    starts[bucket] = at;
  }
  return starts;
}

/** One number for hash and owner, so that they are sorted together, as doubles. */
const OWNERS = 65_536;

function pointsOf({ names, weights, fullWeight }: BalancerInput, ringSize: number): Float64Array {
  let perWeight = ringSize / fullWeight;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  while (sum * perWeight > MAX_POINTS) perWeight /= 2;
  const counts = weights.map((weight) => Math.max(1, Math.round(weight * perWeight)));
  const points = new Float64Array(counts.reduce((total, count) => total + count, 0));
  let filled = 0;
  for (const [owner, name] of names.entries()) {
    const base = hash32(name);
    for (let i = 0; i < (counts[owner] ?? 1); i++) points[filled++] = mix32(base + Math.imul(i + 1, 0x9e3779b9)) * OWNERS + owner;
  }
  return points.sort();
}
