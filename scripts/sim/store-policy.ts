import { makeNumbers } from '../../src/base/numbers.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';
import type { Policy } from './policies.ts';
import type { Trace } from './trace.ts';

/** About what a stored answer of a small service has for its head. */
const META =
  'content-type: application/json\r\ncache-control: public, max-age=300\r\netag: "5f2b-60a1c3d4e5f67"\r\nvary: accept-encoding\r\n';
const NUMBERS = makeNumbers();
const SEED = Uint8Array.from({ length: 16 }, (_, at) => at);
const LONGEST_BODY = 256 * 1024;

export function keyText(key: number): string {
  return `GET http://bench.example/objects/${String(key).padStart(8, '0')}`;
}

/** Bytes that the store has to keep of an object with such a body, its own headers not counted. */
export function payloadBytes(bodyBytes: number): number {
  return keyText(0).length + META.length + bodyBytes;
}

/** A store whose arena has `arenaBytes`, as nearly as its tables allow. */
export function createStoreForArena(arenaBytes: number): ObjectStore {
  let bytes = arenaBytes;
  let best: ObjectStore | undefined;
  // The tables take a share that only the store knows: a few steps find the size, the last one at or above what is asked for.
  for (let step = 0; step < 6; step += 1) {
    const store = new ObjectStore(createObjectStore({ bytes: Math.ceil(bytes), participants: 1, seed: SEED }), 0);
    const gap = arenaBytes - store.stats().arenaBytes;
    best = store;
    if (Math.abs(gap) < arenaBytes / 500) break;
    bytes += gap;
  }
  if (best === undefined) throw new Error('no store was made');
  return best;
}

/** The real store, driven as a worker drives it: find, open, touch; on a miss begin, write, publish. */
export class StorePolicy implements Policy {
  readonly store: ObjectStore;
  /** Misses that could not be stored. */
  unstored = 0;
  readonly #bodyBytes: Uint32Array;
  readonly #body = Buffer.alloc(LONGEST_BODY);

  constructor(store: ObjectStore, trace: Trace) {
    this.store = store;
    this.#bodyBytes = trace.bodyBytes;
  }

  request(key: number): boolean {
    const { store } = this;
    const text = keyText(key);
    const entry = store.find(text);
    const found = entry === -1 ? undefined : store.open(entry);
    if (found === undefined) {
      if (!this.#bringIn(text, this.#bodyBytes[key] ?? 0)) this.unstored += 1;
      return false;
    }
    if (found.bodyLength !== this.#bodyBytes[key]) throw new Error(`${text} has ${found.bodyLength} bytes of body`);
    store.touch(found);
    return true;
  }

  #bringIn(text: string, bodyBytes: number): boolean {
    const fill = this.store.begin({ key: text, meta: META, numbers: NUMBERS, expectedBytes: bodyBytes });
    if (fill === undefined) return false;
    if (fill.write(this.#body.subarray(0, bodyBytes))) return fill.publish([]) !== undefined;
    fill.abort();
    return false;
  }
}
