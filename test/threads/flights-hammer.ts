import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { ChangeWaiter } from '../../src/shm/change-watch.ts';
import type { FillingObject } from '../../src/shm/filling-object.ts';
import type { Ticket } from '../../src/shm/flight-ticket.ts';
import { Flights } from '../../src/shm/flights.ts';
import { ObjectStore } from '../../src/shm/object-store.ts';
import { Dice } from './hammer-tally.ts';
import { bodyOf, metaOf, numbersOf } from './store-world.ts';

/**
 * A thread with many requests at once for few keys: leaders fill objects part by part, fail, release and abandon at random,
 * followers read what fills, on whichever thread. Checks that no key has two leaders, every byte, and that nobody waits for long.
 */
export type FlightsHammerOrders = {
  readonly flights: SharedArrayBuffer;
  readonly store: SharedArrayBuffer;
  /** A cell a key: its leader's participant + 1; behind them the counts of `COUNTS`. */
  readonly tally: SharedArrayBuffer;
  readonly self: number;
  readonly seed: number;
  readonly keys: number;
  readonly requests: number;
};

export const COUNTS = ['asked', 'followed', 'whole', 'cut', 'released', 'takeovers', 'alone'] as const;
const MAX_WAIT_MS = 10_000;
const PART_BYTES = 3000;
const MARK_MS = 200;

const orders = workerData as FlightsHammerOrders;
const flights = new Flights(orders.flights, orders.self);
const store = new ObjectStore(orders.store, orders.self);
const tally = new Int32Array(orders.tally);
const dice = new Dice(orders.seed);
let isStopping = false;

function count(what: (typeof COUNTS)[number]): void {
  Atomics.add(tally, orders.keys + COUNTS.indexOf(what), 1);
}

function report(text: string): void {
  parentPort?.postMessage(text);
}

function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Resolves with true when told, with false when the time is over. */
function told(add: (waiter: ChangeWaiter) => boolean, remove: (waiter: ChangeWaiter) => void): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const waiter = { onChange: () => resolve(true) };
  if (!add(waiter)) return Promise.resolve(true);
  const timer = setTimeout(() => {
    remove(waiter);
    resolve(false);
  }, MAX_WAIT_MS);
  return promise.finally(() => clearTimeout(timer));
}

async function request(at: number): Promise<void> {
  const key = `key ${at}`;
  for (;;) {
    const ticket = flights.enter(key, hostMs());
    if (ticket.kind === 'lead') return await lead(ticket, at);
    if (ticket.kind !== 'follow') {
      count('alone');
      return nextTurn();
    }
    count('followed');
    if (await follow(ticket, at)) return;
  }
}

/** False: to enter anew. */
async function follow(ticket: Ticket, at: number): Promise<boolean> {
  for (;;) {
    const state = flights.look(ticket);
    if (state === 'released') {
      count('released');
      return true;
    }
    if (state === 'failed' && flights.takeOver(ticket)) {
      count('takeovers');
      await lead(ticket, at);
      return true;
    }
    if (ticket.entry >= 0 && (state === 'streaming' || state === 'done' || state === 'over')) {
      if (await read(ticket, at)) return true;
      // What it was following has gone before it had a byte of it: how does the flight stand now?
      if (state === 'streaming' && flights.look(ticket) === 'streaming') await changed(ticket, at);
      if (state !== 'streaming') return false;
      continue;
    }
    if (state === 'over' || state === 'done') return false;
    if (state === 'leading') await changed(ticket, at);
  }
}

async function changed(ticket: Ticket, at: number): Promise<void> {
  const isTold = await told(
    (waiter) => flights.watch(ticket, waiter),
    (waiter) => flights.unwatch(ticket, waiter),
  );
  if (!isTold) report(`a follower of key ${at} waited for ${MAX_WAIT_MS} ms`);
}

/** True: it was served, or cut in its middle. */
async function read(ticket: Ticket, at: number): Promise<boolean> {
  const object = store.openFilling(ticket.entry, ticket.entryGeneration, `key ${at}`);
  if (object === undefined) return false;
  const end = await readToEnd(object, at);
  object.unpin();
  if (end === 'whole') count('whole');
  if (end === 'cut') count('cut');
  return end !== 'nothing';
}

async function readToEnd(object: FillingObject, at: number): Promise<'whole' | 'cut' | 'nothing'> {
  const [, version = 0, , wanted = 0] = object.numbers;
  const body = bodyOf(object.key, version, wanted);
  const cursor = object.cursor();
  const isSlow = dice.roll(4) === 0;
  for (;;) {
    const { state } = object;
    const { length } = object;
    for (let from = cursor.position; from < length; from = cursor.position) {
      const bytes = cursor.next(length, 1 + dice.roll(5000));
      if (bytes === undefined || !body.subarray(from, cursor.position).equals(bytes)) report(`torn bytes of key ${at}`);
      if (isSlow) await nextTurn();
    }
    if (state === 'whole' && length !== wanted) report(`key ${at} is whole with ${length} of ${wanted} bytes`);
    if (state === 'whole') return 'whole';
    if (state === 'gone') return length > 0 ? 'cut' : 'nothing';
    const isTold = await told(
      (waiter) => object.watch(length, waiter),
      (waiter) => object.unwatch(waiter),
    );
    if (!isTold) report(`a reader of key ${at} waited for ${MAX_WAIT_MS} ms`);
  }
}

async function lead(ticket: Ticket, at: number): Promise<void> {
  count('asked');
  if (Atomics.compareExchange(tally, at, 0, orders.self + 1) !== 0) report(`two lead key ${at}`);
  for (let turns = dice.roll(4); turns > 0; turns -= 1) await nextTurn();
  const fate = dice.roll(10);
  if (fate === 0) return end(at, () => flights.fail(ticket));
  if (fate === 1) return end(at, () => flights.release(ticket, hostMs() + MARK_MS));
  if (fate === 2) return end(at, () => flights.abandon(ticket));
  await fill(ticket, at, fate === 3);
}

async function fill(ticket: Ticket, at: number, isFailing: boolean): Promise<void> {
  const key = `key ${at}`;
  const length = dice.roll(40_000);
  const stamp = { version: dice.roll(1000), bodyVersion: 0, length };
  const filling = store.begin({ key, meta: metaOf(stamp), numbers: numbersOf(stamp), expectedBytes: dice.roll(2) === 0 ? -1 : length });
  if (filling === undefined) return end(at, () => flights.fail(ticket));
  flights.stream(ticket, filling.entry, filling.generation);
  const body = bodyOf(key, stamp.version, length);
  let isGood = true;
  for (let from = 0; from < length && isGood; from += PART_BYTES) {
    isGood = filling.write(body.subarray(from, from + PART_BYTES)) && !(isFailing && from > length / 2);
    await nextTurn();
  }
  if (isGood) filling.publish([]);
  else filling.abort();
  end(at, () => (isGood ? flights.finish(ticket) : flights.abandon(ticket)));
}

/** The next leader may come with the very change of the flight. */
function end(at: number, change: () => boolean): void {
  Atomics.store(tally, at, 0);
  if (!change()) report(`a leader of key ${at} lost its lead`);
}

async function client(): Promise<void> {
  while (!isStopping) await request(Math.min(dice.roll(orders.keys), dice.roll(orders.keys)));
}

parentPort?.on('message', () => {
  isStopping = true;
});
await Promise.all(Array.from({ length: orders.requests }, client));
parentPort?.close();
