import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ObjectStore } from '../../src/shm/object-store.ts';
import { runKilledAt } from '../harness/kill-at.ts';
import { Dice, TALLY, Tally } from './hammer-tally.ts';
import type { HammerMessage, StoreHammerOrders } from './store-hammer.ts';
import { faultsOfEmptying, faultsOfStore, makeStore } from './store-world.ts';

/**
 * Threads that work on one store and die, in the middle of whatever they do, while the others go on: some by an error in place of
 * a random step after which nothing of theirs happens, some by `terminate()`. The coordinator mends each death; now and
 * then it is killed in the middle of that, and mends again.
 */
export type HammeringSpec = {
  readonly injectedKills: number;
  readonly terminations: number;
  readonly storeBytes: number;
  readonly seed: number;
  /** Called now and then. */
  readonly onProgress?: (deaths: number) => void;
};

export type HammeringReport = {
  readonly injectedKills: number;
  readonly terminations: number;
  /** Of these, how many left the lock taken, fills, pins, claims. */
  readonly left: { readonly locks: number; readonly fills: number; readonly pins: number; readonly claims: number };
  readonly mendsBrokenOff: number;
  readonly operations: number;
  readonly reads: number;
  readonly hits: number;
  readonly fills: number;
  readonly refused: number;
  readonly evictions: number;
  readonly lockTimeouts: number;
  readonly checks: number;
  /** These must be empty and 0. */
  readonly torn: readonly string[];
  readonly faults: readonly string[];
  readonly locksLeft: number;
  readonly bytesLost: number;
  readonly slowestMendMs: number;
};

const THREADS = 3;
const COORDINATOR = THREADS;
const LOOKER = THREADS + 1;
const MAX_MEND_TRIES = 1000;
const CHECK_EVERY = 50;

class Hammering {
  readonly #spec: HammeringSpec;
  readonly #memory: SharedArrayBuffer;
  readonly #tally: Tally;
  readonly #dice: Dice;
  readonly #workers: Worker[] = [];
  readonly #exits: Promise<unknown>[] = [];
  readonly #torn: string[] = [];
  readonly #faults: string[] = [];
  readonly #left = { locks: 0, fills: 0, pins: 0, claims: 0 };
  readonly #freshFreeBytes: number;
  #injected = 0;
  #terminated = 0;
  #mendsBrokenOff = 0;
  #checks = 0;
  #isOver = false;
  /** Terminations that are not mended yet. */
  #unmended = 0;
  #slowestMendMs = 0;
  #locksLeft = 0;
  #onDeath: () => void = () => {};

  constructor(spec: HammeringSpec) {
    this.#spec = spec;
    this.#memory = makeStore(spec.storeBytes, THREADS + 2);
    this.#freshFreeBytes = new ObjectStore(this.#memory, LOOKER).stats().freeBytes;
    this.#tally = new Tally(THREADS);
    this.#dice = new Dice(spec.seed);
  }

  async run(): Promise<HammeringReport> {
    // Two die by themselves; the third is the one to be terminated.
    for (let self = 0; self < THREADS; self += 1) this.#start(self);
    const kills = Promise.all([this.#untilInjected(), this.#terminate()]).then(() => {
      this.#isOver = true;
    });
    await Promise.all([kills, this.#checkNowAndThen()]);
    this.#tally.stop();
    // Whoever has died in the last moment is still mended on its message, and comes to its end then.
    await Promise.all(this.#exits);
    return this.#report();
  }

  #start(self: number): void {
    const { storeBytes, seed } = this.#spec;
    const workerData: StoreHammerOrders = {
      memory: this.#memory,
      tally: this.#tally.memory,
      participants: THREADS,
      self,
      seed: seed * 1000 + self + this.#terminated * THREADS,
      keys: 200,
      maxBytes: storeBytes / 8,
      diesByItself: self !== THREADS - 1,
      maxSteps: 20_000,
    };
    const worker = new Worker(new URL('./store-hammer.ts', import.meta.url), { workerData });
    worker.on('message', (message: HammerMessage) => {
      if (message.kind === 'dead') return void this.#onDead(message.self, worker);
      this.#torn.push(message.text);
      this.#onDeath();
    });
    worker.on('error', (error) => {
      this.#torn.push(`a thread ended by ${error.stack ?? error.message}`);
      this.#onDeath();
    });
    this.#workers[self] = worker;
    this.#exits[self] = once(worker, 'exit');
  }

  /** A thread has died by itself: mended, it lives again. */
  async #onDead(self: number, worker: Worker): Promise<void> {
    this.#injected += 1;
    await this.#mend(self);
    worker.postMessage('live');
    this.#onDeath();
  }

  async #untilInjected(): Promise<void> {
    while (this.#injected < this.#spec.injectedKills && this.#torn.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onDeath = resolve;
      });
    }
  }

  async #terminate(): Promise<void> {
    const self = THREADS - 1;
    while (this.#terminated < this.#spec.terminations && this.#torn.length === 0) {
      // It is at work when it has done something since its start; then a random moment.
      const before = this.#tally.of(self, TALLY.OPERATIONS);
      while (this.#tally.of(self, TALLY.OPERATIONS) < before + 20 && this.#torn.length === 0) await sleep(1);
      await sleep(this.#dice.roll(3));
      this.#unmended += 1;
      await this.#workers[self]!.terminate();
      this.#terminated += 1;
      await this.#mend(self);
      this.#tally.setIdle(self, false);
      this.#start(self);
      this.#unmended -= 1;
    }
  }

  async #mend(dead: number): Promise<void> {
    const beganMs = performance.now();
    if (this.#dice.roll(10) === 0) {
      const run = runKilledAt(1 + this.#dice.size(2_000), () => new ObjectStore(this.#memory, COORDINATOR).recover(dead));
      if (run.kind === 'killed') this.#mendsBrokenOff += 1;
    }
    await this.#recover(dead);
    this.#slowestMendMs = Math.max(this.#slowestMendMs, performance.now() - beganMs);
  }

  /** All wait between two operations, nobody is dead: then everything must hold. */
  async #checkNowAndThen(): Promise<void> {
    let checkedAt = 0;
    while (!this.#isOver) {
      await sleep(5);
      const deaths = this.#injected + this.#terminated;
      if (deaths < checkedAt + CHECK_EVERY) continue;
      checkedAt = deaths;
      this.#tally.pause();
      while (!this.#isQuiet()) await sleep(1);
      this.#checks += 1;
      this.#faults.push(...faultsOfStore(this.#memory, LOOKER).map((fault) => `after ${deaths} deaths: ${fault}`));
      this.#tally.resume();
      this.#spec.onProgress?.(deaths);
    }
  }

  /** A dead one is not idle before its next life, which begins with waiting; one that is terminated may have been. */
  #isQuiet(): boolean {
    if (this.#torn.length > 0) return true;
    return this.#unmended === 0 && this.#workers.every((_, self) => this.#tally.isIdle(self));
  }

  /** Another one may have died with the lock and its message be on its way: then that one is mended in between. */
  async #recover(dead: number): Promise<void> {
    const store = new ObjectStore(this.#memory, COORDINATOR);
    for (let tries = 1; ; tries += 1) {
      const report = store.recover(dead);
      this.#left.locks += report.brokeLock ? 1 : 0;
      this.#left.fills += report.fills;
      this.#left.pins += report.pins;
      this.#left.claims += report.claims;
      if (report.isComplete) return;
      if (tries === MAX_MEND_TRIES) {
        this.#faults.push(`participant ${dead} cannot be mended`);
        return;
      }
      await sleep(1);
    }
  }

  #report(): HammeringReport {
    const looker = new ObjectStore(this.#memory, LOOKER);
    const stats = looker.stats();
    for (let self = 0; self < THREADS; self += 1) {
      const report = looker.recover(self);
      if (report.brokeLock || report.fills + report.pins + report.claims > 0) this.#locksLeft += 1;
    }
    this.#faults.push(
      ...faultsOfStore(this.#memory, LOOKER),
      ...faultsOfEmptying(this.#memory, { freeBytes: this.#freshFreeBytes }, LOOKER),
    );
    return {
      injectedKills: this.#injected,
      terminations: this.#terminated,
      left: this.#left,
      mendsBrokenOff: this.#mendsBrokenOff,
      operations: this.#tally.sum(TALLY.OPERATIONS),
      reads: this.#tally.sum(TALLY.READS),
      hits: this.#tally.sum(TALLY.HITS),
      fills: this.#tally.sum(TALLY.FILLS),
      refused: this.#tally.sum(TALLY.REFUSED),
      evictions: stats.evictions,
      lockTimeouts: stats.lockTimeouts,
      checks: this.#checks,
      torn: this.#torn,
      faults: this.#faults,
      locksLeft: this.#locksLeft,
      bytesLost: this.#freshFreeBytes - looker.stats().freeBytes,
      slowestMendMs: this.#slowestMendMs,
    };
  }
}

export function hammerStore(spec: HammeringSpec): Promise<HammeringReport> {
  return new Hammering(spec).run();
}
