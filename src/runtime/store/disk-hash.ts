import { HASH_BITS } from '../../shm/presence-cells.ts';
import { KeyedHash } from '../../shm/keyed-hash.ts';

const LOW_VALUES = 2 ** 32;
const HIGH_SHIFT = 64 - HASH_BITS;
const PROBE = 'sluice disk tier';

/** Keys and names as whole numbers below 2^52, which SQLite and a float64 both hold. Only finds candidates: keys are compared after it. */
export class DiskHash {
  readonly #hash: KeyedHash;

  constructor(seed: Uint8Array) {
    this.#hash = new KeyedHash(seed);
  }

  of(text: string): number {
    this.#hash.hash(text);
    return (this.#hash.high >>> HIGH_SHIFT) * LOW_VALUES + (this.#hash.low >>> 0);
  }

  /** Tells one seed, and one way of hashing, from another. */
  get probe(): number {
    return this.of(PROBE);
  }
}
