import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Filter } from '../../src/exchange/filters.ts';
import { waitFor } from '../harness/wait-for.ts';
import { held, numbered, openShared, type SharedHost } from './shared-host.ts';

const MINUTE = 'Cache-Control: max-age=60\r\n';
const HERD = 40;

function purge(host: SharedHost): void {
  host.fronts[0].gateway.caching?.epochs.bumpUrl('http://a.example/a', false);
}

test('a purge in the midst of a herd is no stampede', async (t) => {
  const origin = held((index) => numbered(index, MINUTE));
  const host = await openShared(t, origin.answer, { dedupe: { enabled: false }, route: { cache: true } });
  const replies = host.herd(HERD);
  await host.gathered(HERD, HERD - 1);
  purge(host);
  origin.open();
  await Promise.all(replies);
  assert.equal(host.asked(), 2);
});

test('a herd that comes after a purge, while an answer from before it streams, is one request', async (t) => {
  const rest = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const host = await openShared(
    t,
    async (_request, index, connection) => {
      if (index > 0) {
        await gate.promise;
        return numbered(index, MINUTE);
      }
      await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}Content-Length: 10\r\n\r\nfirst`);
      await rest.promise;
      await connection.send('after');
      return undefined;
    },
    { dedupe: { enabled: false }, route: { cache: true } },
  );
  const first = host.ask();
  await waitFor('it streams', () => host.fronts[0].gateway.caching?.flights?.stats(0).streaming === 1);
  purge(host);
  const replies = host.herd(HERD);
  await host.gathered(HERD + 1, HERD - 1);
  gate.resolve();
  await Promise.all(replies);
  rest.resolve();
  assert.equal((await first).text, 'firstafter');
  assert.equal(host.asked(), 2);
});

const MISFITS = [
  ['400', 'X-Bad: 1\r\n', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno'],
  ['431', 'X-Bad: 1\r\n', 'HTTP/1.1 431 Too Large\r\nContent-Length: 2\r\n\r\nno'],
  ['an answer for one user', 'Authorization: me\r\n', 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nme'],
] as const;

for (const [name, fields, misfit] of MISFITS) {
  test(`one request that gets ${name} neither lets a herd loose nor has the URL remembered`, async (t) => {
    const gate = Promise.withResolvers<void>();
    const host = await openShared(
      t,
      async ({ head }, index) => {
        await gate.promise;
        return head.includes('X-Bad') || head.includes('Authorization') ? misfit : numbered(index, MINUTE);
      },
      { dedupe: { enabled: false }, route: { cache: true } },
    );
    const first = host.ask({ fields });
    await waitFor('it is with the origin', () => host.asked() === 1);
    const replies = host.herd(HERD);
    await waitFor('the herd is here', () => host.fronts[0].gateway.inFlight + host.fronts[1].gateway.inFlight === HERD + 1);
    gate.resolve();
    await Promise.all([first, ...replies]);
    assert.equal(host.asked(), 2);
  });
}

for (const lines of ['', 'Vary: X-Who\r\n']) {
  test(`an answer to one of whom filters tell the upstream is not stored for others${lines === '' ? '' : ', by Vary'}`, async (t) => {
    const field = lines === '' ? 'Authorization' : 'X-Secret';
    const filters: Record<string, Filter> = {
      './who.ts': {
        request({ headers, state }) {
          state.set('user', headers.get(field));
          headers.delete(field);
        },
        upstreamRequest({ headers, state }) {
          headers.set('X-Who', String(state.get('user')));
        },
      },
    };
    const host = await openShared(
      t,
      ({ head }) => {
        const who = /X-Who: (\w+)/.exec(head)?.[1] ?? '';
        return `HTTP/1.1 200 OK\r\n${MINUTE}${lines}Content-Length: ${who.length}\r\n\r\n${who}`;
      },
      { dedupe: { enabled: false }, route: { filters: ['./who.ts'], cache: true }, filters },
    );
    assert.equal((await host.ask({ fields: `${field}: alice\r\n` })).text, 'alice');
    assert.equal((await host.ask({ fields: `${field}: bob\r\n` })).text, 'bob');
  });
}
