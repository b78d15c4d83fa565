import { KeyList } from './key-list.ts';

/** A cache as the simulation sees it: asked for every request in turn. */
export type Policy = {
  /** True for a hit; a miss brings the object in, if the policy wants it. */
  request(key: number, at: number): boolean;
};

export type Charges = { readonly capacity: number; readonly byKey: Float64Array };

/** Least recently used, exact, with not a byte lost to fragments: what the store has to beat. */
export class Lru implements Policy {
  readonly #charges: Charges;
  readonly #held: KeyList;

  constructor(charges: Charges) {
    this.#charges = charges;
    this.#held = new KeyList(charges.byKey);
  }

  request(key: number): boolean {
    const isHit = this.#held.has(key);
    if (isHit) this.#held.remove(key);
    const charge = isHit ? 0 : (this.#charges.byKey[key] ?? 0);
    if (charge > this.#charges.capacity) return false;
    while (!isHit && this.#held.bytes + charge > this.#charges.capacity) this.#held.shift();
    this.#held.push(key);
    return isHit;
  }
}

export type S3FifoOptions = {
  /** Share of the bytes for objects that have not proved themselves. */
  readonly smallShare: number;
  /** Hits that move an object on to the main queue. */
  readonly promoteAt: number;
};

/** S3-FIFO as published, exact and without fragments: tells what of a difference is the policy's and what the store's. */
export class S3Fifo implements Policy {
  readonly #charges: Charges;
  readonly #options: S3FifoOptions;
  readonly #small: KeyList;
  readonly #main: KeyList;
  readonly #ghosts: KeyList;
  readonly #hits: Uint8Array;

  constructor(charges: Charges, options: S3FifoOptions) {
    this.#charges = charges;
    this.#options = options;
    this.#small = new KeyList(charges.byKey);
    this.#main = new KeyList(charges.byKey);
    this.#ghosts = new KeyList(charges.byKey);
    this.#hits = new Uint8Array(charges.byKey.length);
  }

  request(key: number): boolean {
    if (this.#small.has(key) || this.#main.has(key)) {
      this.#hits[key] = Math.min(3, (this.#hits[key] ?? 0) + 1);
      return true;
    }
    const charge = this.#charges.byKey[key] ?? 0;
    if (charge > this.#charges.capacity) return false;
    while (this.#small.bytes + this.#main.bytes + charge > this.#charges.capacity) this.#evict();
    this.#hits[key] = 0;
    const isBack = this.#ghosts.has(key);
    if (isBack) this.#ghosts.remove(key);
    (isBack ? this.#main : this.#small).push(key);
    return false;
  }

  #evict(): void {
    const isSmallFull = this.#small.bytes >= this.#charges.capacity * this.#options.smallShare;
    if (isSmallFull || this.#main.count === 0) this.#evictSmall();
    else this.#evictMain();
  }

  #evictSmall(): void {
    for (let key = this.#small.shift(); key !== -1; key = this.#small.shift()) {
      if ((this.#hits[key] ?? 0) < this.#options.promoteAt) {
        this.#ghosts.push(key);
        while (this.#ghosts.bytes > this.#charges.capacity * (1 - this.#options.smallShare)) this.#ghosts.shift();
        return;
      }
      this.#hits[key] = 0;
      this.#main.push(key);
    }
  }

  #evictMain(): void {
    for (let key = this.#main.shift(); key !== -1; key = this.#main.shift()) {
      const hits = this.#hits[key] ?? 0;
      if (hits === 0) return;
      this.#hits[key] = hits - 1;
      this.#main.push(key);
    }
  }
}
