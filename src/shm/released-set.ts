import { CONTROL, releasedWords, type StoreMemory } from './store-layout.ts';

/**
 * Entries that may be free to go: doomed without the lock, or let go by their last pin. Anybody adds, whoever holds the lock
 * next takes all of them and looks at each.
 *
 * Two levels of bits and a hint, each set after the one below it and cleared before it: a bit that is added while the taker is
 * at work is either seen by it or announced anew. Setting twice is setting once, so nothing is to be mended after a death
 * here but a bit that was never set; `recover` looks at every entry itself.
 */
export class ReleasedSet {
  readonly #bits: Int32Array;
  readonly #control: Int32Array;
  readonly #upper: number;

  constructor(store: StoreMemory) {
    this.#bits = store.released;
    this.#control = store.control;
    this.#upper = releasedWords(store.maxEntries);
  }

  add(entry: number): void {
    const word = entry >>> 5;
    Atomics.or(this.#bits, word, 1 << (entry & 31));
    Atomics.or(this.#bits, this.#upper + (word >>> 5), 1 << (word & 31));
    Atomics.store(this.#control, CONTROL.RELEASED_HINT, 1);
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#control, CONTROL.RELEASED_HINT) === 0;
  }

  /** Takes every entry out and hands it to `visit`. Under the lock. */
  drain(visit: (entry: number) => void): void {
    Atomics.store(this.#control, CONTROL.RELEASED_HINT, 0);
    for (let at = this.#upper; at < this.#bits.length; at += 1) {
      if (Atomics.load(this.#bits, at) === 0) continue;
      let words = Atomics.exchange(this.#bits, at, 0);
      for (; words !== 0; words &= words - 1) this.#drainWord((at - this.#upper) * 32 + lowestBit(words), visit);
    }
  }

  #drainWord(word: number, visit: (entry: number) => void): void {
    let bits = Atomics.exchange(this.#bits, word, 0);
    for (; bits !== 0; bits &= bits - 1) visit(word * 32 + lowestBit(bits));
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
