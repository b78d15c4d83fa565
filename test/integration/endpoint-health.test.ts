import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n';
const CHECKS = { path: '/healthz', interval: '300ms', timeout: '300ms', unhealthyAfter: 2 };

type Origin = { url: string; status: number; checkStatus: number; asked: number; hold: Promise<void> };

/** Answers its name; checks have a status of their own. */
async function openOrigin(t: TestContext, name: string): Promise<Origin> {
  const state: Origin = { url: '', status: 200, checkStatus: 200, asked: 0, hold: Promise.resolve() };
  const origin = await RawOrigin.answering(async ({ target }) => {
    if (target === '/healthz') return `HTTP/1.1 ${state.checkStatus} X\r\nContent-Length: 0\r\n\r\n`;
    state.asked += 1;
    await state.hold;
    return `HTTP/1.1 ${state.status} X\r\nContent-Length: ${name.length}\r\n\r\n${name}`;
  });
  t.after(() => origin.close());
  state.url = origin.url;
  return state;
}

const openFront = (t: TestContext, upstream: object): Promise<ConfiguredFront> =>
  openConfigured(t, { upstreams: { o: upstream }, routes: [{ match: '/*', upstream: 'o' }] });

async function askMany(front: ConfiguredFront, count: number): Promise<readonly string[]> {
  const answers: string[] = [];
  for (let i = 0; i < count; i++) {
    const { status, text } = await askOnce(front.port, GET);
    answers.push(status === 200 ? text : String(status));
  }
  return answers;
}

test('an endpoint that fails its checks gets no requests, and gets them again when it passes', async (t) => {
  const [one, two] = [await openOrigin(t, 'one'), await openOrigin(t, 'two')];
  const front = await openFront(t, { endpoints: [one.url, two.url], health: { active: CHECKS }, balance: { panicThreshold: '0%' } });
  assert.deepEqual([...(await askMany(front, 4))].sort(), ['one', 'one', 'two', 'two']);
  two.checkStatus = 503;
  await waitFor('it is not used', () => front.told.some((line) => line.includes('endpoint is not well')));
  assert.deepEqual(await askMany(front, 4), ['one', 'one', 'one', 'one']);
  two.checkStatus = 200;
  await waitFor('it is used again', () => front.told.some((line) => line.includes('endpoint is well')));
  assert.deepEqual([...(await askMany(front, 4))].sort(), ['one', 'one', 'two', 'two']);
});

test('an endpoint that fails five requests in a row is ejected, and the others have them all', async (t) => {
  const origins = [await openOrigin(t, 'one'), await openOrigin(t, 'two'), await openOrigin(t, 'three')];
  const front = await openFront(t, { endpoints: origins.map(({ url }) => url), health: { passive: true } });
  const [one] = origins;
  assert.ok(one !== undefined);
  one.status = 500;
  await askMany(front, 15);
  await waitFor('it is ejected', () => front.told.some((line) => line.includes('endpoint ejected')));
  const before = one.asked;
  assert.deepEqual([...(await askMany(front, 4))].sort(), ['three', 'three', 'two', 'two']);
  assert.equal(one.asked, before);
});

test('a discovered set that changes: new requests go to the new one, those under way at the old one are answered; without any it is 503', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-health-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'list.json');
  const write = (origin: Origin): void => {
    writeFileSync(`${path}.new`, JSON.stringify([origin.url]));
    renameSync(`${path}.new`, path);
  };
  const [one, two] = [await openOrigin(t, 'one'), await openOrigin(t, 'two')];
  const front = await openFront(t, { discovery: { file: path, refresh: '1h', keep: '0s' } });
  const none = await askOnce(front.port, GET);
  assert.equal(none.status, 503);
  assert.match(none.text, /upstream-no-endpoint/);
  write(one);
  await front.hosts.ready('start');
  assert.deepEqual(await askMany(front, 2), ['one', 'one']);
  const { promise, resolve } = Promise.withResolvers<void>();
  one.hold = promise;
  const underWay = askOnce(front.port, GET);
  await waitFor('it has the request', () => one.asked === 3);
  write(two);
  await waitFor('the other one is found', () => front.told.filter((line) => line.includes('have changed')).length === 2);
  assert.deepEqual(await askMany(front, 2), ['two', 'two']);
  resolve();
  assert.equal((await underWay).text, 'one');
  rmSync(path);
  await waitFor('nothing is kept', () => front.told.some((line) => line.includes('no endpoints any more')));
  assert.deepEqual(await askMany(front, 1), ['503']);
  write(two);
  await waitFor('it is found again', async () => (await askMany(front, 1))[0] === 'two');
  assert.ok(front.counted('sluice_upstream_requests_total', 'o', 'discovered') >= 5);
});
