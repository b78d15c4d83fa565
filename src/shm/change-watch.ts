/** Who waits for a word of shared memory to change. One object for its whole life: nothing is made for a wait. */
export type ChangeWaiter = {
  /** The word has changed, or may have: look again, and watch again if need be. Called in a microtask; the waiter is no longer registered. */
  onChange(): void;
};

type Watch = { readonly waiters: Set<ChangeWaiter>; value: number; pending: number };

/**
 * The host never loses a wake-up but by a death between the change and its notify, which `recover` makes good. This is the second
 * net: a watched word is looked at again so often, in ms.
 */
const LOOK_AGAIN_MS = 1000;

/**
 * One thread's waiters for words of one shared array. However many wait for a word, there is one `Atomics.waitAsync` for it; the
 * others are told from here.
 */
export class ChangeWatch {
  readonly #cells: Int32Array;
  readonly #lookAgainMs: number;
  readonly #watches = new Map<number, Watch>();

  constructor(cells: Int32Array, lookAgainMs: number = LOOK_AGAIN_MS) {
    this.#cells = cells;
    this.#lookAgainMs = lookAgainMs;
  }

  /** True: the waiter will be told when the word at `index` is no longer `value`. False: it is not now. */
  add(index: number, value: number, waiter: ChangeWaiter): boolean {
    const watch = this.#watches.get(index) ?? this.#open(index);
    if (watch.pending === 0 || watch.value !== value) {
      if (!this.#arm(index, watch, value)) {
        if (watch.pending === 0) this.#watches.delete(index);
        return false;
      }
    }
    watch.waiters.add(waiter);
    return true;
  }

  /** Harmless when the waiter is not registered. */
  remove(index: number, waiter: ChangeWaiter): void {
    this.#watches.get(index)?.waiters.delete(waiter);
  }

  /** How many of this thread wait for the word. */
  count(index: number): number {
    return this.#watches.get(index)?.waiters.size ?? 0;
  }

  #open(index: number): Watch {
    const watch: Watch = { waiters: new Set(), value: 0, pending: 0 };
    this.#watches.set(index, watch);
    return watch;
  }

  #arm(index: number, watch: Watch, value: number): boolean {
    const wait = Atomics.waitAsync(this.#cells, index, value, this.#lookAgainMs);
    if (!wait.async) return false;
    watch.value = value;
    watch.pending += 1;
    wait.value.then((end) => this.#onWoken(index, watch, end === 'timed-out' ? value : undefined));
    return true;
  }

  /** `unchanged`: the value that was waited for, when the time ran out. */
  #onWoken(index: number, watch: Watch, unchanged: number | undefined): void {
    watch.pending -= 1;
    if (unchanged !== undefined && watch.value === unchanged && watch.waiters.size > 0 && this.#arm(index, watch, unchanged)) return;
    const waiters = [...watch.waiters];
    watch.waiters.clear();
    // Whoever watches again opens a new one; a wait of this one that is still pending finds nobody to tell.
    if (this.#watches.get(index) === watch) this.#watches.delete(index);
    tell(waiters, 0);
  }
}

/** Tells all from `from` on, the longest waiting first. One that throws does so to nobody's harm but its own. */
function tell(waiters: readonly ChangeWaiter[], from: number): void {
  let at = from;
  try {
    while (at < waiters.length) {
      at += 1;
      waiters[at - 1]?.onChange();
    }
  } finally {
    if (at < waiters.length) queueMicrotask(() => tell(waiters, at));
  }
}
