/** A list of keys (small whole numbers) with the charges of its members added up; every operation takes the same short time. */
export class KeyList {
  readonly #charges: Float64Array;
  // A ring through one more place that stands for both ends.
  readonly #next: Uint32Array;
  readonly #previous: Uint32Array;
  readonly #ends: number;
  readonly #holds: Uint8Array;
  bytes = 0;
  count = 0;

  /** `charges`: bytes by key; shared by all lists of a policy. */
  constructor(charges: Float64Array) {
    this.#charges = charges;
    this.#ends = charges.length;
    this.#next = new Uint32Array(charges.length + 1);
    this.#previous = new Uint32Array(charges.length + 1);
    this.#holds = new Uint8Array(charges.length);
    this.#next[this.#ends] = this.#ends;
    this.#previous[this.#ends] = this.#ends;
  }

  has(key: number): boolean {
    return this.#holds[key] === 1;
  }

  /** Adds at the end. */
  push(key: number): void {
    const last = this.#previous[this.#ends] ?? 0;
    this.#next[last] = key;
    this.#previous[key] = last;
    this.#next[key] = this.#ends;
    this.#previous[this.#ends] = key;
    this.#holds[key] = 1;
    this.bytes += this.#charges[key] ?? 0;
    this.count += 1;
  }

  remove(key: number): void {
    const before = this.#previous[key] ?? 0;
    const after = this.#next[key] ?? 0;
    this.#next[before] = after;
    this.#previous[after] = before;
    this.#holds[key] = 0;
    this.bytes -= this.#charges[key] ?? 0;
    this.count -= 1;
  }

  /** Takes the first away; -1 when there is none. */
  shift(): number {
    if (this.count === 0) return -1;
    const first = this.#next[this.#ends] ?? 0;
    this.remove(first);
    return first;
  }
}
