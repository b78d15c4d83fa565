import { assert } from '../base/assert.ts';

export const SEED_BYTES = 16;

/** A text may be hashed up to this length (latin1 characters). */
export const MAX_HASHED_LENGTH = 65_535;

/**
 * HalfSipHash-1-3 with 64 bits of output over latin1 text (Aumasson and Bernstein; 1-3 is what Linux uses for hash tables).
 * The seed is secret, so nobody outside can make names that fall into one bucket. A hash only finds candidates: whole keys
 * are compared after it.
 *
 * One object a thread; the answer is left in its fields, so that hashing allocates nothing.
 */
export class KeyedHash {
  /** The answer, as two int32. */
  low = 0;
  high = 0;
  /**
   * The text that was hashed last, four bytes a word (little-endian, zeros after the end), so that a key in shared memory
   * can be compared a word at a time. Good until the next call.
   */
  readonly words = new Int32Array((MAX_HASHED_LENGTH + 1) / 4);
  readonly #key0: number;
  readonly #key1: number;

  /** `seed`: at least 8 bytes; the first 8 are the key. */
  constructor(seed: Uint8Array) {
    assert(seed.byteLength >= 8, 'a seed has at least 8 bytes');
    const words = new DataView(seed.buffer, seed.byteOffset);
    this.#key0 = words.getInt32(0, true);
    this.#key1 = words.getInt32(4, true);
  }

  /** Sets `low`, `high` and `words`. `text` is no longer than `MAX_HASHED_LENGTH`; of each character the low byte counts. */
  hash(text: string): void {
    const { length } = text;
    const words = this.words;
    let v0 = this.#key0;
    let v1 = this.#key1 ^ 0xee;
    let v2 = this.#key0 ^ 0x6c796765;
    let v3 = this.#key1 ^ 0x74656462;
    const whole = length >>> 2;
    // One round, written out: this loop is most of a lookup.
    for (let at = 0; at < whole; at += 1) {
      const word = packWord(text, at * 4);
      words[at] = word;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    const rest = packRest(text, whole * 4);
    words[whole] = rest;
    this.#finish(v0, v1, v2, v3, (length << 24) | rest);
  }

  /** The last word (what is left of the text, and its length), then twice the final three rounds, one half of the answer each. */
  #finish(a: number, b: number, c: number, d: number, last: number): void {
    let v0 = a;
    let v1 = b;
    let v2 = c;
    let v3 = d ^ last;
    for (let round = 0; round < 7; round += 1) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (round === 0) {
        v0 ^= last;
        v2 ^= 0xee;
      } else if (round === 3) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
    }
    this.high = v1 ^ v3;
  }
}

function packWord(text: string, at: number): number {
  return (
    (text.charCodeAt(at) & 0xff) |
    ((text.charCodeAt(at + 1) & 0xff) << 8) |
    ((text.charCodeAt(at + 2) & 0xff) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

/** The last zero to three characters. */
function packRest(text: string, from: number): number {
  let word = 0;
  for (let at = from; at < text.length; at += 1) word |= (text.charCodeAt(at) & 0xff) << ((at - from) * 8);
  return word;
}
