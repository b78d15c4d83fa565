const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** Runs a task again and again, each time after a pause that the last run has chosen: never twice at once, and never after `stop`. */
export class Repeater {
  readonly #task: () => void;
  readonly #random: () => number;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isStopped = false;

  /** `random`: from 0 up to, not including, 1. */
  constructor(task: () => void, random: () => number) {
    this.#task = task;
    this.#random = random;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The last run was of use. */
  after(pauseMs: number): void {
    this.#failures = 0;
    this.#wait(pauseMs);
  }

  /** The last run has failed: each time in a row twice as long, half of it by chance, so that many hosts do not come together. */
  retry(maxMs: number = MAX_RETRY_MS): void {
    const fullMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 16), MAX_RETRY_MS, Math.max(maxMs, FIRST_RETRY_MS));
    this.#failures += 1;
    this.#wait(fullMs * (0.5 + this.#random() / 2));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #wait(pauseMs: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#task, pauseMs).unref();
  }
}
