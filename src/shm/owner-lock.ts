/** A lock call waits this long at most, in ms. */
export const DEFAULT_LOCK_WAIT_MS = 20;

const OWNER = 0xff;
const CONTENDED = 0x100;
const SPINS = 64;
/** A waiter looks again at least this often: whoever should have woken it may have ended in between. */
const SLICE_MS = 4;

/**
 * `mine`: taken. `inherited`: the word named this participant already, so an earlier hold of it broke off in the middle (an
 * exception); what the lock protects must be repaired before use. `timeout`: not taken.
 */
export type LockOutcome = 'mine' | 'inherited' | 'timeout';

/**
 * A lock in two int32 of shared memory that names its owner, so that it can be taken from a dead one.
 *
 * Cells
 * - `at`: 0 = free; else participant + 1, and `CONTENDED` when somebody may be waiting in `Atomics.wait`.
 * - `at + 1`: turns; the owner alone adds one at each acquisition. A waiter that ran out of time sees by it later whether
 *   the holder is still in the same hold, and then gives up at once instead of waiting again (a dead owner costs each other
 *   thread one wait, not one a call, until the coordinator has recovered it).
 *
 * Invariants
 * - The word changes from 0 to an owner, from an owner to 0 by that owner, and from a dead owner to its breaker. Nothing else.
 * - A wait ends at its bound. A hold is short (microseconds; a recovery: milliseconds) and never spans a call out.
 * - A dead owner leaves the word as it was. `breakFor` hands it to the breaker without ever being free, so that what was half
 *   done is repaired before anybody sees it.
 */
export class OwnerLock {
  readonly #cells: Int32Array;
  readonly #at: number;
  readonly #self: number;
  #seenTurn = 0;
  #hasTimedOut = false;

  constructor(cells: Int32Array, at: number, self: number) {
    this.#cells = cells;
    this.#at = at;
    this.#self = self + 1;
  }

  acquire(maxWaitMs: number = DEFAULT_LOCK_WAIT_MS): LockOutcome {
    const found = Atomics.compareExchange(this.#cells, this.#at, 0, this.#self);
    if (found === 0) return this.#taken();
    if ((found & OWNER) === this.#self) return 'inherited';
    if (this.#hasTimedOut && Atomics.load(this.#cells, this.#at + 1) === this.#seenTurn) return 'timeout';
    return this.#spin() ? this.#taken() : this.#wait(maxWaitMs);
  }

  /** Takes the lock if that needs no waiting. */
  tryAcquire(): LockOutcome {
    const found = Atomics.compareExchange(this.#cells, this.#at, 0, this.#self);
    if (found === 0) return this.#taken();
    return (found & OWNER) === this.#self ? 'inherited' : 'timeout';
  }

  release(): void {
    const word = Atomics.exchange(this.#cells, this.#at, 0);
    if ((word & CONTENDED) !== 0) Atomics.notify(this.#cells, this.#at, 1);
  }

  /** Takes the lock over from a participant that has ended while holding it. False when it does not hold it. */
  breakFor(dead: number): boolean {
    for (;;) {
      const word = Atomics.load(this.#cells, this.#at);
      if ((word & OWNER) !== dead + 1) return false;
      const mine = this.#self | (word & CONTENDED);
      if (Atomics.compareExchange(this.#cells, this.#at, word, mine) === word) return this.#taken() === 'mine';
    }
  }

  #taken(): 'mine' {
    this.#hasTimedOut = false;
    Atomics.add(this.#cells, this.#at + 1, 1);
    return 'mine';
  }

  #spin(): boolean {
    for (let spin = 0; spin < SPINS; spin += 1) {
      if (Atomics.load(this.#cells, this.#at) !== 0) continue;
      if (Atomics.compareExchange(this.#cells, this.#at, 0, this.#self) === 0) return true;
    }
    return false;
  }

  #wait(maxWaitMs: number): LockOutcome {
    const endMs = performance.now() + maxWaitMs;
    let leftMs = maxWaitMs;
    while (leftMs > 0) {
      const word = Atomics.load(this.#cells, this.#at);
      // Others may be waiting too: whoever has waited takes it with the mark set and wakes one of them when it releases.
      if (word === 0) {
        if (Atomics.compareExchange(this.#cells, this.#at, 0, this.#self | CONTENDED) === 0) return this.#taken();
      } else if ((word & CONTENDED) !== 0 || Atomics.compareExchange(this.#cells, this.#at, word, word | CONTENDED) === word) {
        Atomics.wait(this.#cells, this.#at, word | CONTENDED, Math.min(leftMs, SLICE_MS));
      }
      leftMs = endMs - performance.now();
    }
    this.#hasTimedOut = true;
    this.#seenTurn = Atomics.load(this.#cells, this.#at + 1);
    return 'timeout';
  }
}
