import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVary, selectingPairs } from '../../../src/http/vary.ts';
import { asked, CONFIG, policy, requestHead } from './model-cache.ts';

/** A head as long as a listener takes by default, and a target likewise. */
const HEAD_BYTES = 60_000;
const TARGET_BYTES = 8000;
/** Linear ways take a few ms; the ones that were not took half a second and more. Of CPU, since others may keep the machine busy. */
const MAX_CPU_MS = 100;

function cpuMs(work: () => unknown): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

const members = (bytes: number): string =>
  Array.from({ length: bytes / 4 }, (_, i) => (i + 46_656).toString(36))
    .join(',')
    .slice(0, bytes);
const varying = (name: string, value: string): unknown =>
  selectingPairs(parseVary(name), requestHead('GET / HTTP/1.1', `${name}: ${value}`));
const keyed = (key: Partial<typeof CONFIG.key>, target: string, ...lines: readonly string[]): unknown =>
  asked(requestHead(`GET ${target} HTTP/1.1`, ...lines), policy({ key: { ...CONFIG.key, ...key } })).key.charCodeAt(0);

const ROWS: readonly (readonly [what: string, work: () => unknown])[] = [
  ['blanks without an end in a list that an answer varies by', () => varying('foo', `a${' '.repeat(HEAD_BYTES)}b,`)],
  ['blanks and tabs between members', () => varying('foo', `a,${' \t'.repeat(HEAD_BYTES / 2)}b`)],
  ['codings without number', () => varying('accept-encoding', members(HEAD_BYTES))],
  ['languages without number', () => varying('accept-language', members(HEAD_BYTES))],
  [
    'a cookie of the key that is repeated in its own value',
    () => keyed({ cookies: ['s'] }, '/', `Cookie: ${'s=,'.repeat(HEAD_BYTES / 3)}`),
  ],
  [
    'a cookie of the key that never has a value',
    () => keyed({ cookies: ['s'] }, '/', `Cookie: ${'s '.repeat(HEAD_BYTES / 4)}${' '.repeat(HEAD_BYTES / 2)}x`),
  ],
  ['a cookie of the key, again and again', () => keyed({ cookies: ['s'] }, '/', `Cookie: ${'s=;'.repeat(HEAD_BYTES / 3)}`)],
  ['escaped parameters to be sorted', () => keyed({ sortQuery: true }, `/?${'a%41&b+&'.repeat(TARGET_BYTES / 8)}`)],
  [
    'connection options without number, and many fields that an answer varies by',
    () => {
      const head = requestHead('GET / HTTP/1.1', `Connection: ${members(HEAD_BYTES)}`);
      return selectingPairs(parseVary(Array.from({ length: 64 }, (_, i) => `x-${i}`).join()), head);
    },
  ],
];

for (const [what, work] of ROWS) {
  test(`${what}: no more time than the length of the request deserves`, () => {
    const spentMs = cpuMs(work);
    assert.ok(spentMs < MAX_CPU_MS, `${spentMs} ms`);
  });
}
