import { assert } from '../base/assert.ts';

const DIGITS = 36;
const TAIL_COUNT = DIGITS * DIGITS;
const TAILS: readonly string[] = Array.from({ length: TAIL_COUNT }, (_, at) => at.toString(DIGITS).padStart(2, '0'));
/** Random characters at the front: 41 bits, enough that two starts of two hosts do not meet. */
const SEED_CHARS = 8;
const MIN_SEED_BYTES = 6;

/**
 * Request ids of one worker: eight random characters chosen when the worker starts, its index and a count, all in base 36:
 * `k3v9x0qa` `-2-` `1f` `07`. Unique, sortable within a worker, and cheap: one concatenation a request. They are names, not
 * secrets: whoever sees one can guess the next.
 */
export class RequestIds {
  readonly #prefix: string;
  #front: string;
  #fronts = 0;
  #tail = 0;

  /** `seed`: at least 6 random bytes, new ones for every start of a worker. */
  constructor(seed: Uint8Array, worker: number) {
    assert(seed.length >= MIN_SEED_BYTES, 'a seed of request ids is at least 6 bytes');
    let number = 0;
    for (const byte of seed.subarray(0, MIN_SEED_BYTES)) number = number * 256 + byte;
    const name = (number % DIGITS ** SEED_CHARS).toString(DIGITS).padStart(SEED_CHARS, '0');
    this.#prefix = `${name}-${worker.toString(DIGITS)}-`;
    this.#front = `${this.#prefix}0`;
  }

  next(): string {
    const id = this.#front + TAILS[this.#tail];
    this.#tail += 1;
    if (this.#tail === TAIL_COUNT) this.#advance();
    return id;
  }

  #advance(): void {
    this.#tail = 0;
    this.#fronts += 1;
    this.#front = this.#prefix + this.#fronts.toString(DIGITS);
  }
}
