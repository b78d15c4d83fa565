import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const get = (more = ''): string => `GET /a HTTP/1.1\r\nHost: a\r\n${more}\r\n`;

async function open(t: TestContext, faults: readonly object[], body = 'ok'): Promise<{ front: ConfiguredFront; origin: RawOrigin }> {
  const origin = await RawOrigin.answering(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  t.after(() => origin.close());
  const front = await openConfigured(t, { upstreams: { o: origin.url }, routes: [{ name: 'r', match: '/*', upstream: 'o', faults }] });
  return { front, origin };
}

test('a share of the requests is aborted, and the upstream hears nothing of those', async (t) => {
  const { front, origin } = await open(t, [{ share: '50%', abort: 503 }]);
  const statuses = [];
  for (let i = 0; i < 60; i++) statuses.push((await askOnce(front.port, get())).status);
  const aborted = statuses.filter((status) => status === 503).length;
  assert.ok(aborted > 5 && aborted < 55, `${aborted}`);
  assert.equal(origin.requests.length, 60 - aborted);
  assert.equal(front.counted('sluice_faults_total', 'abort'), aborted);
});

test('the first fault whose fields match happens, and says what it is', async (t) => {
  const { front } = await open(t, [
    { when: { header: { 'X-Drill': 'teapot' } }, abort: 418 },
    { when: { header: { 'X-Drill': { present: true } } }, abort: 503 },
  ]);
  assert.equal((await askOnce(front.port, get())).status, 200);
  assert.equal((await askOnce(front.port, get('X-Drill: teapot\r\n'))).status, 418);
  const reply = await askOnce(front.port, get('X-Drill: other\r\n'));
  assert.equal(reply.status, 503);
  assert.match(reply.body.toString(), /urn:sluice:problem:injected-fault/);
});

test('a request is delayed, and one whose client leaves meanwhile goes nowhere', async (t) => {
  const { front, origin } = await open(t, [{ delay: '120ms' }]);
  const beganMs = performance.now();
  assert.equal((await askOnce(front.port, get())).status, 200);
  assert.ok(performance.now() - beganMs >= 119);
  const client = await connectRaw(front.port);
  client.send(get());
  await waitFor('the delay', () => front.counted('sluice_faults_total', 'delay') === 2);
  client.reset();
  await front.logged(1);
  await askOnce(front.port, get());
  assert.equal(origin.requests.length, 2);
});

test('an answer is held to a rate, and comes whole', async (t) => {
  const body = 'x'.repeat(300_000);
  const { front } = await open(t, [{ throttle: '1MiB' }], body);
  const beganMs = performance.now();
  const reply = await askOnce(front.port, get());
  assert.equal(reply.body.length, body.length);
  // What came last is not waited for.
  assert.ok(performance.now() - beganMs >= ((body.length - 2 * 65_536) / 2 ** 20) * 1000 - 5, `${performance.now() - beganMs}`);
  assert.equal(front.counted('sluice_faults_total', 'throttle'), 1);
});
