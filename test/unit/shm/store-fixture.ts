import type { Numbers } from '../../../src/base/numbers.ts';
import assert from 'node:assert/strict';
import { createObjectStore, ObjectStore } from '../../../src/shm/object-store.ts';
import type { StoredObject } from '../../../src/shm/stored-object.ts';

export const SEED = Uint8Array.from({ length: 16 }, (_, at) => at * 7 + 1);

/** A store with all its participants in this thread. */
export function makeStores(bytes: number, participants = 3): ObjectStore[] {
  const memory = createObjectStore({ bytes, participants, seed: SEED });
  return Array.from({ length: participants }, (_, self) => new ObjectStore(memory, self));
}

export function numbersOf(...values: number[]): Numbers {
  return Array.from({ length: 16 }, (_, at) => values[at] ?? 0);
}

/** Bytes that tell where they come from. */
export function bodyOf(length: number, salt: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + salt * 17 + (at >>> 8)) & 0xff));
}

/** Stores an object in one go; the body is written in parts of `chunk` bytes. */
export function put(
  store: ObjectStore,
  what: { key: string; meta?: string; body?: Buffer; numbers?: Numbers; chunk?: number; expected?: number },
  replaces: readonly StoredObject[] = [],
): StoredObject | undefined {
  const { key, meta = '', body = Buffer.alloc(0), numbers = numbersOf(), chunk = 65_536 } = what;
  const fill = store.begin({ key, meta, numbers, expectedBytes: what.expected ?? body.length });
  if (fill === undefined) return undefined;
  for (let at = 0; at < body.length; at += chunk) {
    if (fill.write(body.subarray(at, at + chunk))) continue;
    fill.abort();
    return undefined;
  }
  assert.equal(fill.bytesStored, body.length);
  return fill.publish(replaces);
}

export function readBody(object: StoredObject): Buffer {
  return Buffer.concat(object.pieces);
}

/** All objects of a key, newest first. */
export function listOf(store: ObjectStore, key: string): StoredObject[] {
  const objects: StoredObject[] = [];
  for (let entry = store.find(key); entry !== -1; entry = store.next(entry, key)) {
    const object = store.open(entry);
    if (object !== undefined) objects.push(object);
  }
  return objects;
}

export function assertSound(store: ObjectStore): void {
  assert.deepEqual(store.verify(), []);
}
