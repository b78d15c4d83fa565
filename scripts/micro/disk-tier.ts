// What the disk tier of the cache costs: writing, opening with many objects, bringing one back.
//   node scripts/micro/disk-tier.ts [OBJECTS = 100000] [FOLDER]
import { makeNumbers } from '../../src/base/numbers.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { N_FRESH_UNTIL, N_RESPONSE_EPOCH, N_RESPONSE_TIME, N_USELESS_AFTER } from '../../src/cache/numbers.ts';
import { encodeMeta } from '../../src/cache/stored.ts';
import { DiskFolder } from '../../src/runtime/store/disk-folder.ts';
import { DiskStore } from '../../src/runtime/store/disk-store.ts';
import { createEpochs, Epochs } from '../../src/shm/epochs.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';
import { createPresence, type Presence } from '../../src/shm/presence.ts';
import { tell, words } from './told.ts';

const MIB = 1024 * 1024;
const LIMIT_BYTES = 4096 * MIB;
const SEED = Buffer.alloc(16, 1);
const HEAD = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nDate: Tue, 24 Nov 2026 21:00:00 GMT\r\n${'X-Field: some value\r\n'.repeat(8)}\r\n`;
/** Every tenth body stands in a file, the others in the index. */
const SIZES = [500, 500, 500, 1000, 1000, 2000, 2000, 3000, 4000, 20_000];

const objects = Number(words[0] ?? 100_000);
const root = words[1] ?? mkdtempSync(join(tmpdir(), 'sluice-disk-'));
const folder = new DiskFolder(root);
folder.make();
const memory = createObjectStore({ bytes: 64 * MIB, participants: 2, seed: SEED });
const worker = new ObjectStore(memory, 0);
const view = { store: new ObjectStore(memory, 1), epochs: new Epochs(createEpochs(SEED)) };

function keyOf(at: number): string {
  return `site\nG\nhttp://shop.example/products/${at}/details?page=1\n`;
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function openDisk(): { readonly disk: DiskStore; readonly presence: Presence } {
  const presence = createPresence({ keySlots: 2 ** 21, nameSlots: 2 ** 21, participants: 2, seed: folder.readSeed() });
  const now = () => ({ hostNowMs: nowMs(), wallNowMs: Date.now() });
  const disk = new DiskStore({ folder, limitBytes: LIMIT_BYTES, presence, views: () => [view], now, tell: (event) => console.log(event) });
  disk.open();
  while (disk.hasWork) disk.pump();
  return { disk, presence };
}

function publish(at: number): void {
  const hostMs = nowMs();
  const numbers = makeNumbers();
  for (const time of [N_USELESS_AFTER, N_FRESH_UNTIL]) numbers[time] = hostMs + 3_600_000;
  numbers[N_RESPONSE_TIME] = hostMs;
  numbers[N_RESPONSE_EPOCH] = Date.now();
  const meta = { uri: `http://shop.example/products/${at}/details?page=1`, vary: [], tags: ['products', `p${at % 1000}`], groups: [] };
  const body = Buffer.alloc(SIZES[at % SIZES.length] ?? 0, at);
  const text = encodeMeta({ ...meta, entityTag: '', lastModified: '', noVarySearch: '', head: HEAD });
  const fill = worker.begin({ key: keyOf(at), meta: text, numbers, expectedBytes: body.length });
  fill?.write(body);
  const object = fill?.publish([]);
  if (object !== undefined)
    first.disk.enqueue({ view, key: object.key, entry: object.entry, generation: object.generation, participant: 0 });
}

function time(what: string, count: number, work: () => void): void {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  const wallMs = performance.now() - startedMs;
  tell(what, 'ms', wallMs);
  console.log(
    `${what}: ${wallMs.toFixed(0)} ms; CPU ${((user + system) / 1000).toFixed(0)} ms, ${((user + system) / count).toFixed(1)} µs each`,
  );
}

const first = openDisk();
time(`${objects} objects published and written`, objects, () => {
  for (let at = 0; at < objects; at++) {
    publish(at);
    if (at % 64 === 63) first.disk.pump();
  }
  while (first.disk.hasWork) first.disk.pump();
});
first.disk.close();
worker.forEach((object) => {
  worker.doom(object);
});
let second = first;
time('opened', 1, () => {
  second = openDisk();
});
for (const [what, remainder] of [
  ['from the index', 0],
  ['from files', 9],
] as const) {
  const count = Math.min(1000, Math.floor(objects / 10));
  let found = 0;
  time(`${count} fetches ${what}`, count, () => {
    for (let at = 0; at < count; at++) if (second.disk.fetch(view, keyOf(at * 10 + remainder))) found++;
  });
  if (found !== count) console.log(`only ${found} were there`);
}
time('1000 keys that are not there, asked of the presence table', 1000, () => {
  let held = 0;
  for (let at = 0; at < 1000; at++) held += second.presence.keys.isReadable(second.disk.slotOf(`${keyOf(at)}x`)) ? 1 : 0;
  console.log(`${held / 10} % would be asked for in vain`);
});
second.disk.close();
rmSync(root, { recursive: true, force: true });
