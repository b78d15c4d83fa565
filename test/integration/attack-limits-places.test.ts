import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import type { Filter } from '../../src/exchange/filters.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { openConfigured } from './configured-front.ts';
import { HostLimits } from './limited-front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const HEAD = 'Host: a.example\r\n';

for (const engine of ENGINES) {
  test(`${engine}: a place is free again however a request ends`, async (t) => {
    const origin = await RawOrigin.answering(({ target }, _, connection) => {
      if (target === '/never') return undefined;
      if (target !== '/reset') return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
      connection.close();
      return undefined;
    });
    // It complains of bodies that end too early.
    t.after(() => origin.close().catch(() => {}));
    let waiting = 0;
    const filter: Filter = {
      request: async ({ target }) => {
        if (target === '/throw') throw new Error('on purpose');
        if (target !== '/wait') return;
        waiting++;
        await new Promise((resolve) => setTimeout(resolve, 50));
      },
    };
    const front = await openConfigured(
      t,
      {
        listeners: [{ name: 'web', listen: '127.0.0.1:0', engine }],
        upstreams: { o: origin.url },
        routes: [
          {
            name: 'api',
            upstream: 'o',
            timeout: '300ms',
            limits: [
              { name: 'c', key: 'ip', concurrency: 1 },
              { name: 's', key: { header: 'X-Slow' }, rate: '1/10s', action: 'throttle', maxDelay: '20s' },
            ],
            maxBody: '8B',
            filters: ['f.js'],
          },
        ],
      },
      { limiting: new HostLimits().open(0), filters: { 'f.js': filter } },
    );
    const isFree = async (after: string): Promise<void> => {
      await waitFor(`the end after ${after}`, () => front.gateway.inFlight === 0);
      const reply = await askOnce(front.port, `GET / HTTP/1.1\r\n${HEAD}X-Slow: ${after}\r\n\r\n`);
      assert.equal(reply.status, 200, after);
    };
    const ends: readonly (readonly [what: string, message: string, status: number])[] = [
      ['a deadline', `GET /never HTTP/1.1\r\n${HEAD}\r\n`, 504],
      ['a filter that throws', `GET /throw HTTP/1.1\r\n${HEAD}X-Slow: f\r\n\r\n`, 500],
      ['a reset', `POST /reset HTTP/1.1\r\n${HEAD}X-Slow: r\r\nContent-Length: 1\r\n\r\nx`, 502],
      ['a long body', `POST / HTTP/1.1\r\n${HEAD}X-Slow: l\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n`, 413],
      ['a bad body', `POST / HTTP/1.1\r\n${HEAD}X-Slow: b\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n`, 400],
      ['a deadline while it waits', `GET / HTTP/1.1\r\n${HEAD}\r\n`, 504],
    ];
    for (const [what, message, status] of ends) {
      assert.equal((await askOnce(front.port, message)).status, status, what);
      await isFree(what);
    }
    for (const target of ['/wait', '/never']) {
      const client = await connectRaw(front.port);
      const seen = origin.requests.length;
      await client.send(`GET ${target} HTTP/1.1\r\n${HEAD}X-Slow: gone${target}\r\n\r\n`);
      await waitFor('it is under way', () => waiting === 1 || origin.requests.length > seen);
      client.close();
      await isFree(`leaving ${target}`);
      waiting = 0;
    }
    front.errors.length = 0;
  });
}
