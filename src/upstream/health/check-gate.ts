/** How many checks may be under way at once, over all upstreams; the others wait their turn. Who waits does so once, so the queue is as long as there are endpoints. */
export class CheckGate {
  readonly #waiting = new Set<() => void>();
  readonly #places: number;
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  get taken(): number {
    return this.#taken;
  }

  /** `run` is called now or when there is a place, which it holds until `leave`. */
  enter(run: () => void): void {
    if (this.#taken >= this.#places) {
      this.#waiting.add(run);
      return;
    }
    this.#taken += 1;
    run();
  }

  /** True: it was still waiting, and will not be called. */
  withdraw(run: () => void): boolean {
    return this.#waiting.delete(run);
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#taken -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
