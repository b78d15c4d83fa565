import { test } from 'node:test';
import { GAPS, PUBLIC_CACHE, PUBLIC_ROWS } from './cache-rows.ts';
import { openSubject, testRows } from './cached-front.ts';

/** That engine writes a Date of its own, whatever the answer has. */
const OWN_DATE = 'uWebSockets.js sets Date and cannot be told not to';
const UWS_GAPS = new Map([...GAPS, ['other-date-update', OWN_DATE], ['other-date-update-expires', OWN_DATE]]);
/** And it cannot write interim answers. */
const GROUPS = [...PUBLIC_ROWS].filter(([group]) => group !== 'interim');

test('the public cache suite over the other engine', { concurrency: true }, async (t) => {
  const subject = await openSubject(t, { cache: PUBLIC_CACHE, engine: 'uws' });
  await testRows(
    t,
    subject,
    GROUPS.flatMap(([, rows]) => rows.filter((row) => row.kind !== 'check')),
    UWS_GAPS,
  );
});
