import { makeNumbers, type Numbers } from '../../../src/base/numbers.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import * as N from '../../../src/cache/numbers.ts';
import { encodeMeta, type StoredMeta } from '../../../src/cache/stored.ts';
import { type DiskFigures, readFigures } from '../../../src/runtime/store/disk-figures.ts';
import { DiskFolder } from '../../../src/runtime/store/disk-folder.ts';
import { DiskStore } from '../../../src/runtime/store/disk-store.ts';
import type { MemoryView } from '../../../src/runtime/store/disk-view.ts';
import type { Moment } from '../../../src/runtime/store/disk-writer.ts';
import type { StoreEvent } from '../../../src/runtime/store/store-messages.ts';
import { createEpochs, Epochs } from '../../../src/shm/epochs.ts';
import { createObjectStore, ObjectStore } from '../../../src/shm/object-store.ts';
import { createPresence, type Presence } from '../../../src/shm/presence.ts';
import type { StoredObject } from '../../../src/shm/stored-object.ts';

const MIB = 1024 * 1024;
export const HOUR_MS = 3_600_000;
const SEED = Buffer.alloc(16, 7);

/** A worker's index; the store thread's is 1. */
const WORKER = 0;
const STORE_THREAD = 1;
const PARTICIPANTS = 3;

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-store-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type Put = {
  readonly body?: Uint8Array | string;
  /** Vary, flat. */
  readonly vary?: readonly string[];
  readonly tags?: readonly string[];
  readonly lifeMs?: number;
  /** Wall time of the response; default now. */
  readonly arrivedMs?: number;
  readonly head?: string;
};

/** A key as the cache makes them. */
export function keyOf(path: string, host = 'a.example'): string {
  return `route\nG\nhttp://${host}${path}\n`;
}

export function uriOf(key: string): string {
  return key.split('\n')[2] ?? '';
}

/** One process with a memory and a disk tier, all in this thread; clocks are its own. */
export class DiskRig {
  readonly folder: DiskFolder;
  readonly presence: Presence;
  readonly worker: ObjectStore;
  readonly epochs: Epochs;
  readonly view: MemoryView;
  readonly disk: DiskStore;
  readonly events: StoreEvent[] = [];
  hostNowMs = 1_000_000;
  wallNowMs = 1_700_000_000_000;

  constructor(path: string, options: { readonly limitBytes?: number; readonly memoryBytes?: number } = {}) {
    this.folder = new DiskFolder(path);
    this.folder.make();
    const seed = this.folder.readSeed();
    this.presence = createPresence({ keySlots: 4096, nameSlots: 4096, participants: PARTICIPANTS, seed });
    const memory = createObjectStore({ bytes: options.memoryBytes ?? 16 * MIB, participants: PARTICIPANTS, seed: SEED });
    this.worker = new ObjectStore(memory, WORKER);
    this.epochs = new Epochs(createEpochs(SEED));
    this.view = { store: new ObjectStore(memory, STORE_THREAD), epochs: this.epochs };
    this.disk = new DiskStore({
      folder: this.folder,
      limitBytes: options.limitBytes ?? 64 * MIB,
      presence: this.presence,
      views: () => [this.view],
      now: () => this.now,
      tell: (event) => this.events.push(event),
    });
  }

  static open(t: TestContext, path: string, options: { readonly limitBytes?: number; readonly memoryBytes?: number } = {}): DiskRig {
    const rig = new DiskRig(path, options);
    t.after(() => rig.disk.close());
    rig.disk.open();
    rig.pump();
    return rig;
  }

  get now(): Moment {
    return { hostNowMs: this.hostNowMs, wallNowMs: this.wallNowMs };
  }

  pass(ms: number): void {
    this.hostNowMs += ms;
    this.wallNowMs += ms;
  }

  /** Into memory, as a worker publishes it. */
  publish(key: string, put: Put = {}, replaces: readonly StoredObject[] = []): StoredObject {
    const body = Buffer.from(put.body ?? `body of ${key}`);
    const fill = this.worker.begin({ key, meta: metaOf(key, put), numbers: this.numbersOf(put), expectedBytes: body.length });
    if (fill === undefined || !fill.write(body)) throw new Error('no room in memory');
    const object = fill.publish(replaces);
    if (object === undefined) throw new Error('not published');
    return object;
  }

  /** Told to the disk tier as a worker tells it, and written. */
  write(...objects: readonly StoredObject[]): void {
    for (const object of objects) this.enqueue(object);
    this.pump();
  }

  enqueue({ key, entry, generation }: StoredObject): void {
    this.presence.enqueue(WORKER, 1_000_000);
    this.disk.enqueue({ view: this.view, key, entry, generation, participant: WORKER });
  }

  /** Published and written. */
  store(key: string, put: Put = {}): StoredObject {
    const object = this.publish(key, put);
    this.write(object);
    return object;
  }

  pump(): void {
    while (this.disk.hasWork) this.disk.pump();
  }

  /** As the metrics see them. */
  get figures(): DiskFigures {
    this.disk.tick();
    return readFigures(this.presence.figures);
  }

  /** Everything leaves memory. */
  forget(): void {
    for (const object of this.all()) this.worker.doom(object);
  }

  all(): readonly StoredObject[] {
    const found: StoredObject[] = [];
    this.worker.forEach((object) => {
      found.push(object);
    });
    return found;
  }

  under(key: string): readonly StoredObject[] {
    return this.all().filter((object) => object.key === key);
  }

  /** Body of the only object under the key; `undefined`: none. */
  bodyOf(key: string): string | undefined {
    const [object] = this.under(key);
    return object === undefined ? undefined : Buffer.concat(object.pieces).toString('latin1');
  }

  /** From disk; the body, or `undefined` when nothing comes. */
  fetch(key: string): string | undefined {
    return this.disk.fetch(this.view, key) ? this.bodyOf(key) : undefined;
  }

  removeKey(key: string): void {
    this.disk.remove([{ kind: 'key', key, isSoft: false }]);
  }

  numbersOf(put: Put): Numbers {
    const numbers = numbersAt(this.now, put);
    numbers[N.N_EPOCH] = this.epochs.now();
    return numbers;
  }
}

export function numbersAt({ hostNowMs, wallNowMs }: Moment, { arrivedMs = wallNowMs, lifeMs = HOUR_MS }: Put = {}): Numbers {
  const numbers = makeNumbers();
  const responseMs = hostNowMs + arrivedMs - wallNowMs;
  numbers[N.N_USELESS_AFTER] = responseMs + lifeMs;
  numbers[N.N_RESPONSE_TIME] = responseMs;
  numbers[N.N_LIFETIME] = lifeMs / 1000;
  numbers[N.N_FRESH_UNTIL] = responseMs + lifeMs;
  numbers[N.N_STATUS] = 200;
  numbers[N.N_RESPONSE_EPOCH] = arrivedMs;
  return numbers;
}

export function metaOf(key: string, { vary = [], tags = [], head = 'HTTP/1.1 200 OK\r\n\r\n' }: Put): string {
  const meta: StoredMeta = { uri: uriOf(key), vary, tags, groups: [], entityTag: '', lastModified: '', noVarySearch: '', head };
  return encodeMeta(meta);
}
