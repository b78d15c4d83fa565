import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { openCached } from './cached-front.ts';

/** One request: target, field lines, and what the origin answers if it is asked. */
type Ask = { readonly method?: string; readonly target?: string; readonly lines?: string; readonly answer?: string; readonly waits?: true };
type Row = {
  readonly name: string;
  readonly asks: readonly Ask[];
  readonly cache?: object;
  /** Each with its labels; all must be as told. */
  readonly counts: readonly (readonly [count: number, metric: string, ...labels: readonly string[]])[];
};

const answer = (lines: string, status = '200 OK'): string => `HTTP/1.1 ${status}\r\n${lines}Content-Length: 2\r\n\r\nok`;
const HOUR = answer('Cache-Control: max-age=3600\r\n');
const TAGGED = answer('Cache-Control: max-age=1\r\nETag: "a"\r\n');
const requests = (count: number, result: string): Row['counts'][number] => [count, 'sluice_cache_requests_total', 'all', result];
const stored = (count: number): Row['counts'][number] => [count, 'sluice_cache_stored_total', 'all'];
const refused = (count: number, reason: string): Row['counts'][number] => [count, 'sluice_cache_uncacheable_total', reason];

const ROWS: readonly Row[] = [
  { name: 'a miss and two hits', asks: [{ answer: HOUR }, {}, {}], counts: [requests(1, 'miss'), requests(2, 'hit'), stored(1)] },
  {
    name: 'a range and a 304 of what is stored are hits',
    asks: [
      { answer: answer('Cache-Control: max-age=3600\r\nETag: "a"\r\n') },
      { lines: 'Range: bytes=0-0\r\n' },
      { lines: 'If-None-Match: "a"\r\n' },
    ],
    counts: [requests(1, 'miss'), requests(2, 'hit')],
  },
  {
    name: 'a validation that finds it unchanged',
    asks: [{ answer: TAGGED, waits: true }, { answer: 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n' }],
    counts: [requests(1, 'miss'), requests(1, 'revalidated')],
  },
  {
    name: 'a validation that brings a new answer is a miss',
    asks: [{ answer: TAGGED, waits: true }, { answer: HOUR }],
    counts: [requests(2, 'miss'), stored(2)],
  },
  {
    name: 'stale while it is refreshed',
    cache: { staleWhileRevalidate: '1h' },
    asks: [{ answer: TAGGED, waits: true }, { answer: HOUR }],
    counts: [requests(1, 'miss'), requests(1, 'stale')],
  },
  {
    name: 'stale in place of an error',
    cache: { staleIfError: '1h' },
    asks: [{ answer: TAGGED, waits: true }, { answer: answer('', '503 Unavailable') }],
    counts: [requests(1, 'miss'), requests(1, 'stale')],
  },
  { name: 'a method that is not cached', asks: [{ method: 'POST', answer: HOUR }], counts: [requests(1, 'bypass'), stored(0)] },
  { name: 'only-if-cached', asks: [{ lines: 'Cache-Control: only-if-cached\r\n' }], counts: [requests(1, 'refused')] },
  {
    name: 'no-store',
    asks: [{ answer: answer('Cache-Control: no-store\r\n') }],
    counts: [requests(1, 'miss'), stored(0), refused(1, 'no-store')],
  },
  { name: 'private', asks: [{ answer: answer('Cache-Control: private\r\n') }], counts: [stored(0), refused(1, 'private')] },
  {
    name: 'Set-Cookie',
    asks: [{ answer: answer('Cache-Control: max-age=3600\r\nSet-Cookie: a=b\r\n') }],
    counts: [stored(0), refused(1, 'set-cookie')],
  },
  {
    name: 'Authorization',
    asks: [{ lines: 'Authorization: x\r\n', answer: HOUR }],
    counts: [stored(0), refused(1, 'authorization')],
  },
  {
    name: 'Vary: *',
    asks: [{ answer: answer('Cache-Control: max-age=3600\r\nVary: *\r\n') }],
    counts: [stored(0), refused(1, 'vary-any')],
  },
  { name: 'nothing to go by', asks: [{ answer: answer('') }], counts: [stored(0), refused(1, 'no-freshness')] },
  { name: 'too big', cache: { maxObject: '1B' }, asks: [{ answer: HOUR }], counts: [stored(0), refused(1, 'too-big')] },
];

test('what is counted', { concurrency: true }, async (t) => {
  const run = async ({ name, asks, cache = {}, counts }: Row): Promise<void> => {
    await t.test(name, async (t) => {
      const answers = asks.map((ask) => ask.answer);
      const origin = await RawOrigin.answering((request) => answers[Number(request.field('Number'))] ?? answer('', '500 Unexpected'));
      const front = await openCached(t, origin.url, { cache });
      t.after(() => origin.close());
      for (const [index, { method = 'GET', target = '/a', lines = '', waits }] of asks.entries()) {
        await askOnce(front.port, `${method} ${target} HTTP/1.1\r\nHost: a.example\r\nNumber: ${index}\r\n${lines}\r\n`);
        if (waits) await sleep(2_100);
      }
      await waitFor('nothing is under way', () => front.gateway.inFlight === 0);
      const results = front.counted('sluice_cache_requests_total', 'all');
      assert.equal(results, asks.length, 'each request is counted once');
      for (const [count, metric, ...labels] of counts) assert.equal(front.counted(metric, ...labels), count, `${metric} ${labels}`);
    });
  };
  await Promise.all(ROWS.map(run));
});
