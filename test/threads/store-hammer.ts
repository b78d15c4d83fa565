import { parentPort, workerData } from 'node:worker_threads';
import type { ObjectStore } from '../../src/shm/object-store.ts';
import type { StoredObject } from '../../src/shm/stored-object.ts';
import { gateOf, interceptSteps } from '../harness/steps.ts';
import { makePlainStoresSteps, NOT_SHARED } from '../harness/steps-plain.ts';
import { Dice, TALLY, Tally } from './hammer-tally.ts';

/** A thread that does everything one can do with a store, in a random order, and checks every byte it reads. */
export type StoreHammerOrders = {
  readonly memory: SharedArrayBuffer;
  readonly tally: SharedArrayBuffer;
  readonly participants: number;
  readonly self: number;
  readonly seed: number;
  readonly keys: number;
  readonly maxBytes: number;
  /** It dies by itself at random steps, says so, and goes on when it is told `live`. Else: until it is terminated. */
  readonly diesByItself: boolean;
  /** Steps until a death, at most. */
  readonly maxSteps: number;
};

export type HammerMessage = { readonly kind: 'dead'; readonly self: number } | { readonly kind: 'torn'; readonly text: string };

const MAX_PINNED = 4;
class Died extends Error {}

const orders = workerData as StoreHammerOrders;
const { self } = orders;
const tally = new Tally(orders.participants, orders.tally);
const dice = new Dice(orders.seed);
if (orders.diesByItself) makePlainStoresSteps(new URL('../../src/shm/', import.meta.url), NOT_SHARED);
const { ObjectStore: Store } = await import('../../src/shm/object-store.ts');
const world = await import('./store-world.ts');

type Pinned = { readonly object: StoredObject; readonly key: string };
let pinned: Pinned[] = [];
let stepsLeft = Number.POSITIVE_INFINITY;

function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function beforeStep(): void {
  stepsLeft -= 1;
  if (stepsLeft <= 0) throw new Died();
}

function read(store: ObjectStore, key: string): void {
  tally.count(self, TALLY.READS);
  const version = dice.roll(2) === 0 ? world.readByCopy(store, key) : world.readByPin(store, key);
  if (version !== undefined) tally.count(self, TALLY.HITS);
}

/** Keeps an object pinned over many operations, as a slow client does. */
function pinLong(store: ObjectStore, key: string): void {
  const object = world.lookUp(store, key);
  if (object === undefined || !store.pin(object)) return;
  pinned.push({ object, key });
  tally.count(self, TALLY.PINS);
  if (pinned.length > MAX_PINNED) unpinOldest(store);
}

function unpinOldest(store: ObjectStore): void {
  const oldest = pinned.shift();
  if (oldest === undefined) return;
  world.checkBody(oldest.object, world.copyBody(oldest.object), oldest.key);
  store.unpin(oldest.object);
}

function fill(store: ObjectStore, key: string): void {
  const length = dice.size(orders.maxBytes);
  const expiresMs = dice.roll(4) === 0 ? hostMs() + dice.roll(50) : 0;
  const how = { expiresMs, chunkBytes: 1 + dice.roll(40_000), isLengthKnown: dice.roll(3) > 0 };
  const replaces = dice.roll(8) === 0 ? [] : world.allOf(store, key);
  const result = world.put(store, key, 1 + dice.roll(1_000_000), length, { ...how, replaces });
  tally.count(self, world.isObject(result) ? TALLY.FILLS : TALLY.REFUSED);
}

function update(store: ObjectStore, key: string): void {
  const object = world.lookUp(store, key);
  if (object === undefined) return;
  const stamp = { ...world.stampOf(object, key), version: 1 + dice.roll(1_000_000) };
  if (store.update(object, world.metaOf(stamp), world.numbersOf(stamp)) !== undefined) tally.count(self, TALLY.UPDATES);
}

function claim(store: ObjectStore, key: string): void {
  const object = world.lookUp(store, key);
  if (object === undefined || !store.claim(object, hostMs())) return;
  tally.count(self, TALLY.CLAIMS);
  if (dice.roll(2) === 0) update(store, key);
  store.release(object);
}

function operate(store: ObjectStore): unknown {
  const key = `https://example.com/${dice.roll(orders.keys)}`;
  const choice = dice.roll(100);
  tally.count(self, TALLY.OPERATIONS);
  if (choice < 45) return read(store, key);
  if (choice < 75) return fill(store, key);
  if (choice < 83) return pinLong(store, key);
  if (choice < 88) return update(store, key);
  if (choice < 92) return claim(store, key);
  if (choice < 94) return store.sweepExpired(hostMs(), 50);
  const object = world.lookUp(store, key);
  if (object === undefined) return;
  if (choice < 97) store.setFlags(object, 1 << dice.roll(8));
  else if (store.doom(object)) tally.count(self, TALLY.DROPS);
}

function tell(message: HammerMessage): void {
  parentPort?.postMessage(message);
}

/** Until it dies, or all stop. True: it died. */
function live(): boolean {
  tally.waitWhilePaused(self);
  pinned = [];
  stepsLeft = orders.diesByItself ? 1 + dice.size(orders.maxSteps) : Number.POSITIVE_INFINITY;
  try {
    const store = new Store(orders.memory, self);
    while (!tally.isStopped) {
      operate(store);
      tally.waitWhilePaused(self);
    }
    while (pinned.length > 0) unpinOldest(store);
    return false;
  } catch (error) {
    // Whoever has no step left is dead, whatever came out of it.
    if (stepsLeft <= 0) return true;
    tell({ kind: 'torn', text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    return false;
  }
}

function liveAndTell(): unknown {
  if (live()) return tell({ kind: 'dead', self });
  tally.setIdle(self, true);
  parentPort?.close();
}

if (orders.diesByItself) interceptSteps(gateOf(beforeStep));
parentPort?.on('message', liveAndTell);
liveAndTell();
