import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { askOnce } from '../harness/raw-client.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const BAD = 'HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad';
const OPEN_MS = 300;

/** Workers of one host, each a gateway of its own. */
async function openWorkers(t: TestContext, origin: RawOrigin, upstream: object, count: number): Promise<readonly ConfiguredFront[]> {
  const input = { upstreams: { o: { endpoints: [origin.url], ...upstream } }, routes: [{ name: 'r', match: '/*', upstream: 'o' }] };
  const front = await openConfigured(t, input);
  const others = await Promise.all(
    Array.from({ length: count - 1 }, (_, i) => openConfigured(t, input, { beside: { front, worker: i + 1 } })),
  );
  return [front, ...others];
}

/** Asks all workers again and again until `isOver`. */
async function storm(fronts: readonly ConfiguredFront[], isOver: () => boolean): Promise<void> {
  const asking = async (front: ConfiguredFront): Promise<void> => {
    while (!isOver()) await askOnce(front.port, GET);
  };
  await Promise.all(fronts.flatMap((front) => [asking(front), asking(front)]));
}

for (const kind of ['endpoint', 'service'] as const) {
  test(`an open breaker of ${kind === 'service' ? 'an upstream' : 'an endpoint'} lets one probe through in each interval, from whichever of four workers`, async (t) => {
    const probesMs: number[] = [];
    let isBad = true;
    const origin = await RawOrigin.answering(() => {
      probesMs.push(performance.now());
      return isBad ? BAD : OK_REPLY;
    });
    t.after(() => origin.close());
    const settings = { failures: 3, openFor: `${OPEN_MS}ms`, ramp: 0 };
    const breaker = kind === 'endpoint' ? settings : { failures: 0, service: settings };
    const fronts = await openWorkers(t, origin, { breaker }, 4);
    await storm(fronts, () => origin.requests.length >= 3);
    // What was under way as it opened has ended; from now on only probes are asked.
    const before = origin.requests.length;
    await storm(fronts, () => origin.requests.length >= before + 5);
    const gaps = probesMs.slice(before).map((atMs, i, all) => (i === 0 ? Number.POSITIVE_INFINITY : atMs - all[i - 1]!));
    assert.ok(
      gaps.every((gap) => gap >= OPEN_MS * 0.9),
      `${gaps} ms`,
    );
    assert.match(JSON.stringify(fronts[0]!.hosts.snapshot()), /"refused":[1-9]/);
    isBad = false;
    await waitFor('the breaker to close', async () => (await askOnce(fronts[2]!.port, GET)).status === 200 || undefined);
    for (const front of fronts) assert.equal((await askOnce(front.port, GET)).status, 200);
    for (const text of ['breaker opened', 'half-open', 'breaker closed'])
      await waitFor(text, () => fronts[0]!.told.some((line) => line.includes(text)));
  });
}

test('requests at an upstream are bounded over all workers, and one too many is refused at once', async (t) => {
  const waiting: ((reply: string) => void)[] = [];
  const origin = await RawOrigin.answering(() => new Promise<string>((resolve) => waiting.push(resolve)));
  t.after(() => origin.close());
  const fronts = await openWorkers(t, origin, { resources: { maxRequests: 2 } }, 2);
  const first = fronts.map((front) => askOnce(front.port, GET));
  await waitFor('both', () => waiting.length === 2);
  for (const front of fronts) {
    const reply = await askOnce(front.port, GET);
    assert.equal(reply.status, 503);
    assert.match(reply.field('proxy-status') ?? '', /error=connection_limit_reached/);
    assert.ok(Number(reply.field('retry-after')) >= 1);
  }
  for (const answer of waiting) answer(OK_REPLY);
  assert.deepEqual(
    (await Promise.all(first)).map(({ status }) => status),
    [200, 200],
  );
  await waitFor('both to end', () => fronts.every((front) => front.log.length === 2));
  const last = askOnce(fronts[0]!.port, GET);
  await waitFor('room', () => waiting.length === 3);
  waiting[2]!(OK_REPLY);
  assert.equal((await last).status, 200);
});
