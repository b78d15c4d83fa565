import { test } from 'node:test';
import type { Kind, Row } from './cache-row.ts';
import { GAPS, PUBLIC_CACHE, PUBLIC_ROWS } from './cache-rows.ts';
import { openSubject, testRows } from './cached-front.ts';

const KINDS: readonly Kind[] = ['required', 'optimal', 'check'];

test('the public cache suite, all groups', { concurrency: true }, async (t) => {
  const subject = await openSubject(t, { cache: PUBLIC_CACHE });
  const score: Record<Kind, { passed: number; of: number }> = {
    required: { passed: 0, of: 0 },
    optimal: { passed: 0, of: 0 },
    check: { passed: 0, of: 0 },
  };
  const runGroup = async ([group, rows]: readonly [string, readonly Row[]]): Promise<void> => {
    await t.test(group, { concurrency: true }, async (inGroup) => {
      for (const kind of KINDS) score[kind].of += rows.filter((row) => row.kind === kind).length;
      await Promise.all(
        KINDS.map(async (kind) => {
          const passed = await testRows(
            inGroup,
            subject,
            rows.filter((row) => row.kind === kind),
            GAPS,
          );
          score[kind].passed += passed;
        }),
      );
    });
  };
  await Promise.all([...PUBLIC_ROWS].map(runGroup));
  for (const kind of KINDS) t.diagnostic(`${kind}: ${score[kind].passed} of ${score[kind].of}`);
});
