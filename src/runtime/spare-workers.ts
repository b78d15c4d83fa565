import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { OwnSources } from './launch.ts';
import { startOwnThread } from './own-thread.ts';
import type { ProxyStart } from './start-options.ts';

const ENTRY = new URL('./worker.ts', import.meta.url);
/** A guess that is wrong on a large host must not cost much. */
const MAX_GUESS = 4;

/** How many workers to boot before the configuration is read. After a death the first is to have the cores for itself. */
export function expectedWorkers({ lastGood, options }: ProxyStart): number {
  return lastGood === undefined ? Math.min(options.workers || availableParallelism(), MAX_GUESS) : 1;
}

/** Worker threads: some of them boot and load our modules while the configuration is still being read. */
export class SpareWorkers {
  readonly #sources: OwnSources;
  readonly #spares: Worker[] = [];

  constructor(sources: OwnSources, count: number) {
    this.#sources = sources;
    for (let slot = 0; slot < count; slot++) this.#spares.push(this.#start(slot));
  }

  /** The thread for a slot, which waits for its `WorkerStart`. The first ones are asked for in the order of their slots. */
  take(slot: number): Worker {
    return this.#spares.shift() ?? this.#start(slot);
  }

  /** The guess was too high. They have opened nothing yet. */
  endRest(): void {
    for (const spare of this.#spares.splice(0)) void spare.terminate();
  }

  #start(slot: number): Worker {
    return startOwnThread(this.#sources, ENTRY, `sluice-worker-${slot}`);
  }
}
