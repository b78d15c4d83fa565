import { within } from './wait-for.ts';

/** Holds whoever waits until the test opens it; tells how many wait. */
export class Barrier {
  /** How many have come to the barrier so far. */
  arrived = 0;
  readonly #opened = Promise.withResolvers<void>();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  wait(timeoutMs?: number): Promise<void> {
    this.arrived++;
    return within(`barrier ${this.#name} opens`, this.#opened.promise, timeoutMs);
  }

  open(): void {
    this.#opened.resolve();
  }
}
