import { randomBytes } from 'node:crypto';
import { LoopClock } from '../base/clock.ts';
import { formatSize } from '../config/units.ts';
import type { GatewayConfig, RouteConfig } from '../config/types.ts';
import * as events from '../observe/events.ts';
import type { EventLog } from '../observe/log.ts';
import { createEpochs, Epochs } from '../shm/epochs.ts';
import { createFlights } from '../shm/flight-cells.ts';
import { Flights } from '../shm/flights.ts';
import { createObjectStore, ObjectStore } from '../shm/object-store.ts';
import { MAX_PARTICIPANTS } from '../shm/store-layout.ts';
import type { StoreStats } from '../shm/store-types.ts';
import { summarizeError } from './faults.ts';
import type { CacheSegments } from './messages.ts';

/** More workers than this leave no slots for their successors in what they share. */
export const MAX_SHARING_WORKERS = 100;
const SEED_BYTES = 16;
/** Keys that are being fetched, or are remembered as uncacheable, at the same time: 2 MiB. What goes over is not collapsed. */
const FLIGHT_SLOTS = 2 ** 15;
const SWEEP_MS = 1_000;
/** Some 20 ms of the coordinator at most; what is left comes the next second. */
const SWEEP_ENTRIES = 20_000;

/** `limitBytes`: the whole segment. `storeId`: counts begin anew with another one. */
export type CacheStats = StoreStats & { readonly storeId: number; readonly limitBytes: number };

/** One store, and the pen that the coordinator has in it. */
export type CacheView = {
  readonly segments: CacheSegments;
  readonly bytes: number;
  readonly store: ObjectStore;
  readonly flights: Flights;
};

/**
 * The shared memory of the HTTP cache and of requests that share answers, from the coordinator's side: makes it when a plan first needs it, makes it anew when its
 * size changes, mends what an ended worker left, drops what has expired. A reload has two steps here as everywhere: `prepare`
 * makes what is missing, `settle` lets go of what nobody uses any more, whether the plan was taken or refused.
 */
export class CacheMemory {
  readonly #slots: number;
  readonly #log: EventLog;
  readonly #clock = new LoopClock();
  readonly #sweepTimer: NodeJS.Timeout;
  /** All that workers may be using: one, or two while a reload changes it. The newest is last. */
  #views: readonly CacheView[] = [];
  #epochs: Epochs | undefined;
  #lastId = 0;

  /** `slots`: how many workers may ever live at once. */
  constructor(slots: number, log: EventLog) {
    this.#slots = slots;
    this.#log = log;
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** The workers have slots 0 to n - 1, the coordinator is n, the store thread n + 1. */
  get storeThreadIndex(): number {
    return this.#slots + 1;
  }

  /** Of a store: workers' slots, coordinator, store thread. */
  get participants(): number {
    return this.#slots + 2;
  }

  /** What purges go through: every store that a worker may serve from. */
  get stores(): readonly ObjectStore[] {
    return this.#views.map(({ store }) => store);
  }

  /** `undefined` until a plan has cached. */
  get epochs(): Epochs | undefined {
    return this.#epochs;
  }

  /** Of the newest store. */
  get stats(): CacheStats | undefined {
    const view = this.#views.at(-1);
    return view === undefined ? undefined : { ...view.store.stats(), storeId: view.segments.id, limitBytes: view.bytes };
  }

  /** The segments for a plan, made where they are missing or of another size. Text when they cannot be had. */
  prepare(config: GatewayConfig): CacheSegments | string | undefined {
    if (!config.routes.some(sharesAnswers)) return undefined;
    const newest = this.#views.at(-1);
    if (newest?.bytes === config.cacheMemoryBytes) return newest.segments;
    if (this.#slots + 2 > MAX_PARTICIPANTS) return `cache: not with ${config.workers} workers, ${MAX_SHARING_WORKERS} at most`;
    try {
      const view = this.#make(config.cacheMemoryBytes);
      events.cacheMade(this.#log, { bytes: view.bytes, cause: newest === undefined ? 'a route caches or dedupes' : 'cacheMemory changed' });
      this.#views = [...this.#views, view];
      return view.segments;
    } catch (error) {
      return `cacheMemory: ${formatSize(config.cacheMemoryBytes)} cannot be had: ${summarizeError(error)}`;
    }
  }

  /** A reload is over: all workers serve by a plan with these segments, and what else there is goes. */
  settle(inForce: CacheSegments | undefined): void {
    this.#views = this.#views.filter(({ segments }) => segments.id === inForce?.id);
  }

  /** After the thread of the slot has ended. False: not all could be mended yet, ask again before the slot is given away. */
  recover(slot: number): boolean {
    let isComplete = true;
    for (const { store, flights } of this.#views) {
      const report = store.recover(slot);
      // What it was filling is known as broken before those who followed it look.
      flights.recover(slot);
      const { brokeLock, fills, pins, claims } = report;
      if (brokeLock || fills + pins + claims > 0) events.cacheRecovered(this.#log, { worker: slot, brokeLock, fills, pins, claims });
      isComplete &&= report.isComplete;
    }
    return isComplete;
  }

  close(): void {
    clearInterval(this.#sweepTimer);
  }

  #make(bytes: number): CacheView {
    const participants = this.#slots + 2;
    this.#epochs ??= new Epochs(createEpochs(randomBytes(SEED_BYTES)));
    const store = createObjectStore({ bytes, participants, seed: randomBytes(SEED_BYTES) });
    this.#lastId += 1;
    // Flights name entries of the store that they are made with.
    const flights = createFlights({ slots: FLIGHT_SLOTS, participants, seed: randomBytes(SEED_BYTES) });
    const segments = { id: this.#lastId, store, epochs: this.#epochs.memory, flights };
    return { segments, bytes, store: new ObjectStore(store, this.#slots), flights: new Flights(flights, this.#slots) };
  }

  #sweep(): void {
    this.#clock.refresh();
    for (const { store } of this.#views) store.sweepExpired(this.#clock.hostMs, SWEEP_ENTRIES);
  }
}

/** Whether the requests of a route are answered through shared memory. */
function sharesAnswers({ cache, dedupe }: RouteConfig): boolean {
  return cache !== undefined || dedupe?.sharing !== undefined;
}

/** Slots for so many workers: a successor starts while its predecessor still drains, so there are twice as many as far as a cache allows. */
export function slotsFor(workers: number): number {
  if (workers > MAX_SHARING_WORKERS) return workers * 2;
  return Math.min(workers * 2, MAX_PARTICIPANTS - 2);
}
