import { ObjectStore } from '../../src/shm/object-store.ts';
import { Dice } from './hammer-tally.ts';
import { checkBody, copyBody, makeStore, put, readByCopy } from './store-world.ts';

/** One thread puts objects of random sizes into a store that is far too small for them, and looks at its books all the time. */
export type FillingSpec = {
  readonly inserts: number;
  readonly storeBytes: number;
  readonly maxBodyBytes: number;
  readonly keys: number;
  readonly seed: number;
  /** Inserts between two looks at every object. */
  readonly checkEvery: number;
  readonly onProgress?: (inserts: number) => void;
};

export type FillingReport = {
  readonly inserts: number;
  readonly stored: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly evictions: number;
  readonly segmentBytes: number;
  readonly arenaBytes: number;
  readonly highestPayloadBytes: number;
  readonly checks: number;
  /** Shares of the arena over all checks. */
  readonly payloadShare: Range;
  readonly freeShare: Range;
  /** What is neither payload nor free: block headers and what rounding up costs. */
  readonly overheadShare: Range;
  /** The largest free block as a share of what is free. */
  readonly largestFreeShare: Range;
  readonly objects: Range;
  /** These must be empty, and 0. */
  readonly faults: readonly string[];
  readonly bytesLost: number;
  readonly seconds: number;
};

export type Range = { readonly least: number; readonly mean: number; readonly most: number };

const EMPTY_RANGE = { least: Number.POSITIVE_INFINITY, total: 0, most: 0 };

class Ranges {
  readonly #ranges = new Map<string, { least: number; total: number; most: number }>();
  #count = 0;

  add(values: Readonly<Record<string, number>>): void {
    this.#count += 1;
    for (const [name, value] of Object.entries(values)) {
      const range = this.#ranges.get(name) ?? { ...EMPTY_RANGE };
      range.least = Math.min(range.least, value);
      range.most = Math.max(range.most, value);
      range.total += value;
      this.#ranges.set(name, range);
    }
  }

  of(name: string): Range {
    const { least, total, most } = this.#ranges.get(name) ?? EMPTY_RANGE;
    return { least, mean: total / Math.max(this.#count, 1), most };
  }
}

export function fillStore(spec: FillingSpec): FillingReport {
  const memory = makeStore(spec.storeBytes, 2);
  const store = new ObjectStore(memory, 0);
  const fresh = store.stats();
  const dice = new Dice(spec.seed);
  const ranges = new Ranges();
  const faults: string[] = [];
  const refused: Record<string, number> = {};
  let stored = 0;
  let checks = 0;
  let highestPayloadBytes = 0;
  const beganMs = performance.now();
  if (memory.byteLength > spec.storeBytes) faults.push(`the segment has ${memory.byteLength} bytes`);

  for (let insert = 1; insert <= spec.inserts && faults.length < 10; insert += 1) {
    const key = `https://example.com/${dice.roll(spec.keys)}`;
    const result = putRandom(store, dice, key, { insert, maxBodyBytes: spec.maxBodyBytes });
    if (typeof result === 'string') refused[result] = (refused[result] ?? 0) + 1;
    else stored += 1;
    const { payloadBytes, arenaBytes, freeBytes } = store.stats();
    highestPayloadBytes = Math.max(highestPayloadBytes, payloadBytes);
    if (payloadBytes > arenaBytes - freeBytes)
      faults.push(`insert ${insert}: ${payloadBytes} bytes of payload, ${freeBytes} of ${arenaBytes} free`);
    if (insert % 101 === 0) readByCopy(store, key);
    if (insert % spec.checkEvery !== 0) continue;
    checks += 1;
    faults.push(...checkBooks(store).map((fault) => `insert ${insert}: ${fault}`));
    ranges.add(sharesOf(store));
    spec.onProgress?.(insert);
  }

  const evictions = store.stats().evictions;
  expireAll(store);
  const empty = store.stats();
  faults.push(...store.verify());
  if (empty.objects !== 0 || empty.payloadBytes !== 0) faults.push(`${empty.objects} objects are left after everything expired`);
  if (empty.largestFreeBytes !== fresh.largestFreeBytes) faults.push('the free memory is not one block again');
  return {
    inserts: spec.inserts,
    stored,
    refused,
    evictions,
    segmentBytes: memory.byteLength,
    arenaBytes: fresh.arenaBytes,
    highestPayloadBytes,
    checks,
    payloadShare: ranges.of('payload'),
    freeShare: ranges.of('free'),
    overheadShare: ranges.of('overhead'),
    largestFreeShare: ranges.of('largest'),
    objects: ranges.of('objects'),
    faults,
    bytesLost: fresh.freeBytes - empty.freeBytes,
    seconds: (performance.now() - beganMs) / 1000,
  };
}

/** Every object has an end, so that all can expire at last. A third does not know its length before. */
function putRandom(
  store: ObjectStore,
  dice: Dice,
  key: string,
  { insert, maxBodyBytes }: { readonly insert: number; readonly maxBodyBytes: number },
) {
  const length = dice.size(maxBodyBytes);
  const entry = store.find(key);
  const old = entry < 0 ? undefined : store.open(entry);
  return put(store, key, insert, length, {
    replaces: old === undefined ? [] : [old],
    expiresMs: 1 + dice.roll(1_000_000),
    isLengthKnown: dice.roll(3) > 0,
  });
}

/** Adds up what every object holds, reads some, and compares with what the store says of itself. */
function checkBooks(store: ObjectStore): readonly string[] {
  const faults = [...store.verify()];
  let objects = 0;
  let payloadBytes = 0;
  store.forEach((object) => {
    objects += 1;
    payloadBytes += object.key.length + object.meta.length + object.bodyLength;
    if (objects % 16 === 0) checkBody(object, copyBody(object), object.key);
  });
  const stats = store.stats();
  if (objects !== stats.objects) faults.push(`${objects} objects, the store says ${stats.objects}`);
  if (payloadBytes !== stats.payloadBytes) faults.push(`${payloadBytes} bytes of payload, the store says ${stats.payloadBytes}`);
  return faults;
}

function sharesOf(store: ObjectStore): Readonly<Record<string, number>> {
  const { objects, payloadBytes, arenaBytes, freeBytes, largestFreeBytes } = store.stats();
  return {
    objects,
    payload: payloadBytes / arenaBytes,
    free: freeBytes / arenaBytes,
    overhead: (arenaBytes - freeBytes - payloadBytes) / arenaBytes,
    largest: freeBytes === 0 ? 1 : largestFreeBytes / freeBytes,
  };
}

function expireAll(store: ObjectStore): void {
  const { maxObjects } = store.stats();
  for (let looked = 0; looked <= maxObjects; looked += 512) store.sweepExpired(Number.MAX_SAFE_INTEGER, 512);
}
