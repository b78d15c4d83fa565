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
  readonly #circle: Circle;
  readonly #length: number;
  readonly #walk: BoundedWalk;

  constructor(input: BalancerInput, { ringSize, boundedLoad }: Pick<BalancerSettings, 'ringSize' | 'boundedLoad'>) {
    this.#circle = new Circle(input, ringSize);
    this.#length = input.names.length;
    this.#walk = new BoundedWalk(this.#circle.owners, input, boundedLoad);
  }

  pick(key: number, avoid: number): number {
    return this.#length === 1 ? 0 : this.#walk.from(this.#circle.after(mix32(key)), avoid);
  }
}

/** All points in the order of their hashes, put there by their first bits and then side by side: with hashes that is nearly no sorting. */
class Circle {
  readonly owners: Uint16Array;
  readonly #hashes: Uint32Array;
  /** By the first bits of a hash, of which there are about as many values as points: the first point that is not before it. */
  readonly #starts: Uint32Array;
  readonly #shift: number;

  constructor(input: BalancerInput, ringSize: number) {
    const counts = countsOf(input, ringSize);
    const total = counts.reduce((sum, count) => sum + count, 0);
    // One bit at least: a number cannot be shifted by its whole length.
    const bits = Math.max(1, Math.floor(Math.log2(total)));
    this.owners = new Uint16Array(total);
    this.#hashes = new Uint32Array(total);
    this.#starts = new Uint32Array(2 ** bits + 1);
    this.#shift = 32 - bits;
    // By name, so that of two at the same place everywhere the same one is first.
    const order = [...counts.keys()].sort((a, b) => ((input.names[a] ?? '') < (input.names[b] ?? '') ? -1 : 1));
    for (const owner of order) this.#countPoints(hash32(input.names[owner] ?? ''), counts[owner] ?? 0);
    for (let i = 1; i < this.#starts.length; i++) this.#starts[i] = (this.#starts[i] ?? 0) + (this.#starts[i - 1] ?? 0);
    const ends = this.#starts.slice();
    for (const owner of order) this.#place(owner, { base: hash32(input.names[owner] ?? ''), count: counts[owner] ?? 0, ends });
    this.#settle();
  }

  /** The first point at or after `hash`; after the last one comes the first. */
  after(hash: number): number {
    const hashes = this.#hashes;
    let at = this.#starts[hash >>> this.#shift] ?? 0;
    while (at < hashes.length && (hashes[at] ?? 0) < hash) at++;
    return at === hashes.length ? 0 : at;
  }

  #countPoints(base: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const next = (pointOf(base, i) >>> this.#shift) + 1;
      this.#starts[next] = (this.#starts[next] ?? 0) + 1;
    }
  }

  /** `ends`: of each part of the circle, how far it is filled. */
  #place(owner: number, { base, count, ends }: { readonly base: number; readonly count: number; readonly ends: Uint32Array }): void {
    for (let i = 0; i < count; i++) {
      const hash = pointOf(base, i);
      const at = ends[hash >>> this.#shift] ?? 0;
      ends[hash >>> this.#shift] = at + 1;
      this.#hashes[at] = hash;
      this.owners[at] = owner;
    }
  }

  #settle(): void {
    const [hashes, owners] = [this.#hashes, this.owners];
    for (let i = 1; i < hashes.length; i++) {
      const [hash, owner] = [hashes[i] ?? 0, owners[i] ?? 0];
      let at = i;
      for (; at > 0 && (hashes[at - 1] ?? 0) > hash; at--) {
        hashes[at] = hashes[at - 1] ?? 0;
        owners[at] = owners[at - 1] ?? 0;
      }
      hashes[at] = hash;
      owners[at] = owner;
    }
  }
}

function pointOf(base: number, i: number): number {
  return mix32(base + Math.imul(i + 1, 0x9e3779b9));
}

function countsOf({ weights, fullWeight }: BalancerInput, ringSize: number): readonly number[] {
  let perWeight = ringSize / fullWeight;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  while (sum * perWeight > MAX_POINTS) perWeight /= 2;
  return weights.map((weight) => Math.max(1, Math.round(weight * perWeight)));
}
