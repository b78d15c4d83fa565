import { makeNumbers, type Numbers } from '../../src/base/numbers.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';
import { CONTROL, RECORD, RECORD_WORDS, StoreMemory } from '../../src/shm/store-layout.ts';
import type { StoredObject } from '../../src/shm/stored-object.ts';

/**
 * Objects that say what they are, so that whoever reads one can tell whether it is whole: the meta and all numbers name the
 * version of the head, the version of the body and its length; the body repeats its key and version from end to end.
 */

export const SEED = Buffer.from('0123456789abcdef', 'latin1');

export function makeStore(bytes: number, participants = 4): SharedArrayBuffer {
  return createObjectStore({ bytes, participants, seed: SEED });
}

/** As if every entry had been used so often that it has come to `generation`. */
export function wearEntries(memory: SharedArrayBuffer, generation: number): void {
  const { records, control, maxEntries } = new StoreMemory(memory);
  for (let entry = 0; entry < maxEntries; entry += 1) {
    records[entry * RECORD_WORDS + RECORD.STATE] = generation << 2;
    // Free entries are a list, + 1.
    records[entry * RECORD_WORDS + RECORD.OLDER] = entry + 1 < maxEntries ? entry + 2 : 0;
  }
  control[CONTROL.FREE_ENTRY] = 1;
  control[CONTROL.USED_ENTRIES] = maxEntries;
}

export function bodyOf(key: string, version: number, length: number): Buffer {
  return Buffer.alloc(length, `${key}#${version};`, 'latin1');
}

export type Stamp = { readonly version: number; readonly bodyVersion: number; readonly length: number };

export function metaOf({ version, bodyVersion, length }: Stamp): string {
  return `v${version} b${bodyVersion} l${length} ${'m'.repeat(version % 40)} v${version}`;
}

export function numbersOf({ version, bodyVersion, length }: Stamp, expiresMs = 0): Numbers {
  const first = [expiresMs, version, bodyVersion, length];
  return makeNumbers().map((_, at) => first[at] ?? version * 1.5);
}

/** Fills and publishes one object in chunks; the object, or why there is none. */
export function put(
  store: ObjectStore,
  key: string,
  version: number,
  length: number,
  how: {
    readonly replaces?: readonly StoredObject[];
    readonly expiresMs?: number;
    readonly chunkBytes?: number;
    readonly isLengthKnown?: boolean;
  } = {},
): StoredObject | 'no fill' | 'no room' | 'not published' {
  const stamp = { version, bodyVersion: version, length };
  const expectedBytes = how.isLengthKnown === false ? -1 : length;
  const fill = store.begin({ key, meta: metaOf(stamp), numbers: numbersOf(stamp, how.expiresMs), expectedBytes });
  if (fill === undefined) return 'no fill';
  const body = bodyOf(key, version, length);
  const chunkBytes = how.chunkBytes ?? 32 * 1024;
  for (let at = 0; at < length; at += chunkBytes) {
    if (fill.write(body.subarray(at, Math.min(at + chunkBytes, length)))) continue;
    fill.abort();
    return 'no room';
  }
  return fill.publish(how.replaces ?? []) ?? 'not published';
}

export function isObject(result: StoredObject | string): result is StoredObject {
  return typeof result !== 'string';
}

/** `put` in place of whatever is there under the key. */
export function replace(store: ObjectStore, key: string, version: number, length: number): StoredObject | string {
  return put(store, key, version, length, { replaces: allOf(store, key) });
}

/** Opens every live entry of a key. */
export function allOf(store: ObjectStore, key: string): StoredObject[] {
  const found: StoredObject[] = [];
  for (let entry = store.find(key); entry >= 0; entry = store.next(entry, key)) {
    const object = store.open(entry);
    if (object?.key === key) found.push(object);
  }
  return found;
}

/** The newest object of the key, as a request would look for it: an entry may have become another key's between the two calls. */
export function lookUp(store: ObjectStore, key: string): StoredObject | undefined {
  const entry = store.find(key);
  const object = entry < 0 ? undefined : store.open(entry);
  return object?.key === key ? object : undefined;
}

/** What the head says; throws when it contradicts itself or is another key's. */
export function stampOf(object: StoredObject, key: string): Stamp {
  const [, version, bodyVersion, length, , again] = /^v(\d+) b(\d+) l(\d+) (m*) v(\d+)$/.exec(object.meta) ?? [];
  const stamp = { version: Number(version), bodyVersion: Number(bodyVersion), length: Number(length) };
  const wanted = numbersOf(stamp, object.numbers[0]);
  const isWhole = object.key === key && version === again && object.meta === metaOf(stamp) && object.bodyLength === stamp.length;
  if (!isWhole || wanted.some((number, at) => number !== object.numbers[at])) throw new Error(`torn head of ${key}: ${describe(object)}`);
  return stamp;
}

function describe(object: StoredObject): string {
  return JSON.stringify({
    entry: object.entry,
    generation: object.generation,
    key: object.key,
    meta: object.meta,
    numbers: [...object.numbers],
    bodyLength: object.bodyLength,
  });
}

/** Copies the body piece by piece; between two pieces, and in the middle of each, others may come. */
export function copyBody(object: StoredObject): Buffer {
  const body = Buffer.alloc(object.bodyLength);
  let at = 0;
  for (const piece of object.pieces) {
    // Pieces of an object that has gone may be anything; the copy is judged only when it is known to be current.
    if (at + piece.length > body.length) return Buffer.alloc(0);
    body.set(piece, at);
    at += piece.length;
  }
  return at === body.length ? body : Buffer.alloc(0);
}

export function checkBody(object: StoredObject, body: Buffer, key: string): Stamp {
  const stamp = stampOf(object, key);
  if (!body.equals(bodyOf(key, stamp.bodyVersion, stamp.length))) {
    throw new Error(`torn body of ${key}: ${describe(object)} holds ${body.toString('latin1', 0, 60)}`);
  }
  return stamp;
}

/** Reads by copy: valid only if the object is current after the copy. The version served, or undefined for a miss. */
export function readByCopy(store: ObjectStore, key: string): number | undefined {
  const object = lookUp(store, key);
  if (object === undefined) return undefined;
  stampOf(object, key);
  const body = copyBody(object);
  return store.isCurrent(object) ? checkBody(object, body, key).version : undefined;
}

/** Reads under a pin: the bytes hold whatever the others do. */
export function readByPin(store: ObjectStore, key: string): number | undefined {
  const object = lookUp(store, key);
  if (object === undefined || !store.pin(object)) return undefined;
  const first = checkBody(object, copyBody(object), key);
  store.touch(object);
  const second = checkBody(object, copyBody(object), key);
  store.unpin(object);
  if (first.version !== second.version) throw new Error('an opened head changed');
  return first.version;
}

/** Everything that is wrong with a store in which nobody works: its own check, every object whole. */
export function faultsOfStore(memory: SharedArrayBuffer, self = 3): readonly string[] {
  const store = new ObjectStore(memory, self);
  const faults = [...store.verify()];
  store.forEach((object) => {
    try {
      if (!store.pin(object)) faults.push(`${object.key}: live, and cannot be pinned`);
      else {
        checkBody(object, copyBody(object), object.key);
        store.unpin(object);
      }
    } catch (error) {
      faults.push(String(error));
    }
  });
  const { payloadBytes, arenaBytes } = store.stats();
  if (payloadBytes > arenaBytes) faults.push(`${payloadBytes} bytes of payload in ${arenaBytes} of arena`);
  return faults;
}

/** Nothing is lost: after everything is dropped the arena is one free block as it was at first. */
export function faultsOfEmptying(memory: SharedArrayBuffer, fresh: { readonly freeBytes: number }, self = 3): readonly string[] {
  const store = new ObjectStore(memory, self);
  store.forEach((object) => void store.doom(object));
  const faults = [...store.verify()];
  const { objects, payloadBytes, freeBytes } = store.stats();
  if (objects !== 0 || payloadBytes !== 0) faults.push(`${objects} objects and ${payloadBytes} bytes are left of an emptied store`);
  if (freeBytes !== fresh.freeBytes) faults.push(`${fresh.freeBytes - freeBytes} bytes are lost`);
  return faults;
}
