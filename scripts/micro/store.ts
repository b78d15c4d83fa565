/**
 * What the object store costs, one thread, nothing else at work: ns of CPU time for each operation (so that a
 * busy machine blurs it less), the best of a few rounds.
 * Run it with `node scripts/micro/store.ts`.
 */
import { makeNumbers } from '../../src/base/numbers.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';
import type { StoredObject } from '../../src/shm/stored-object.ts';
import { tell } from './told.ts';

const OBJECTS = 20_000;
const ROUNDS = 7;
const META = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: "0123456789abcdef"\r\ncache-control: max-age=60\r\n\r\n`.repeat(3);

const store = new ObjectStore(createObjectStore({ bytes: 512 * 2 ** 20, participants: 4, seed: new Uint8Array(16).fill(7) }), 0);
const numbers = makeNumbers();
const keys = Array.from({ length: OBJECTS }, (_, at) => `route\nGET\nhttp://shop.example.com/api/products/${at}?page=1&sort=name\n`);
const unknown = keys.map((key) => `${key}x`);

function fill(key: string, body: Buffer, replaces: readonly StoredObject[]): StoredObject | undefined {
  const begun = store.begin({ key, meta: META, numbers, expectedBytes: body.length });
  begun?.write(body);
  return begun?.publish(replaces);
}

function measure(name: string, operations: number, run: () => number): void {
  let bestNs = Number.POSITIVE_INFINITY;
  let guard = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = process.cpuUsage();
    guard += run();
    const used = process.cpuUsage(began);
    bestNs = Math.min(bestNs, ((used.user + used.system) * 1000) / operations);
  }
  tell(name, 'ns', bestNs);
  process.stdout.write(`${name.padEnd(44)} ${bestNs.toFixed(0).padStart(7)} ns${guard === -1 ? ' ' : ''}\n`);
}

function sumOver<T>(list: readonly T[], visit: (item: T) => number): number {
  let sum = 0;
  for (const item of list) sum += visit(item);
  return sum;
}

const hot = keys.slice(0, 1000);
const small = Buffer.alloc(100, 'a');
const large = Buffer.alloc(10 * 1024, 'b');
const huge = Buffer.alloc(1024 * 1024, 'c');
const objects = keys.map((key) => fill(key, small, [])).filter((object) => object !== undefined);
const hotObjects = objects.slice(0, 1000);
const hotSum = (visit: (object: StoredObject) => number): number => {
  let sum = 0;
  for (let round = 0; round < 20; round += 1) sum += sumOver(hotObjects, visit);
  return sum;
};

measure('find, 1000 keys (56 characters)', 20_000, () => {
  let sum = 0;
  for (let round = 0; round < 20; round += 1) sum += sumOver(hot, (key) => store.find(key));
  return sum;
});
measure(`find, ${OBJECTS} keys`, OBJECTS, () => sumOver(keys, (key) => store.find(key)));
measure('find, a miss', OBJECTS, () => sumOver(unknown, (key) => store.find(key)));
measure('find + isCurrent + touch', 20_000, () => {
  let sum = 0;
  for (let round = 0; round < 20; round += 1) {
    for (const object of hotObjects) {
      sum += store.find(object.key);
      if (store.isCurrent(object)) store.touch(object);
    }
  }
  return sum;
});
measure('isCurrent', 20_000, () => hotSum((object) => (store.isCurrent(object) ? 1 : 0)));
measure('pin + unpin', 20_000, () =>
  hotSum((object) => {
    if (!store.pin(object)) return 0;
    store.unpin(object);
    return 1;
  }),
);
measure('open', OBJECTS, () => sumOver(objects, (object) => store.open(object.entry)?.bodyLength ?? 0));
measure('open + pieces', OBJECTS, () => sumOver(objects, (object) => store.open(object.entry)?.pieces.length ?? 0));
measure('begin + write + publish, 100 bytes, replacing', 20_000, () => sumOver(keys, (key) => refill(key, small)));
measure('begin + write + publish, 10 KiB, replacing', 20_000, () => sumOver(keys, (key) => refill(key, large)));
measure('begin + write + publish, 10 KiB, evicting', 100_000, () => {
  let sum = 0;
  for (let at = 0; at < 100_000; at += 1) sum += fill(`new${at}${sum}`, large, []) === undefined ? 0 : 1;
  return sum;
});
measure('begin + write + publish, 1 MiB, evicting', 1000, () => {
  let sum = 0;
  for (let at = 0; at < 1000; at += 1) sum += fill(`huge${at}`, huge, []) === undefined ? 0 : 1;
  return sum;
});
measure('update (304)', 1000, () =>
  sumOver(keys.slice(-1000), (key) => {
    const object = store.open(store.find(key)) ?? fill(key, small, []);
    return object === undefined || store.update(object, META, numbers) === undefined ? 0 : 1;
  }),
);

function refill(key: string, body: Buffer): number {
  const old = store.open(store.find(key));
  return fill(key, body, old === undefined ? [] : [old]) === undefined ? 0 : 1;
}
process.stdout.write(`${JSON.stringify(store.stats())}\n${store.verify().join('\n')}`);
