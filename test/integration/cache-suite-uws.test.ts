import { test } from 'node:test';
import { PUBLIC_ROWS } from './cache-rows.ts';
import { openSubject, testRows } from './cached-front.ts';

/** That engine cannot write interim answers. */
const GROUPS = Object.entries(PUBLIC_ROWS).filter(([group]) => group !== 'interim');

test('the public cache suite over the other engine', { concurrency: true }, async (t) => {
  const subject = await openSubject(t, { cache: { storeSetCookie: true }, engine: 'uws' });
  await testRows(
    t,
    subject,
    GROUPS.flatMap(([, rows]) => rows.filter((row) => row.kind !== 'check')),
  );
});
