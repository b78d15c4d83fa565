import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestIds } from '../../../src/observe/request-id.ts';

test('ids are unique, well beyond the wrap of their tail', () => {
  const ids = new RequestIds(Uint8Array.of(1, 2, 3, 4, 5, 6), 3);
  const seen = new Set<string>();
  for (let at = 0; at < 100_000; at += 1) seen.add(ids.next());
  assert.equal(seen.size, 100_000);
  for (const id of seen) assert.match(id, /^[0-9a-z]{8}-3-[0-9a-z]{3,5}$/);
});

test('two workers, and two starts of one worker, share no id', () => {
  const take = (seed: number, worker: number) => {
    const ids = new RequestIds(new Uint8Array(6).fill(seed), worker);
    return Array.from({ length: 3000 }, () => ids.next());
  };
  const all = [...take(1, 0), ...take(1, 1), ...take(2, 0)];
  assert.equal(new Set(all).size, all.length);
});

test('any seed gives eight characters, and too short a one is refused', () => {
  for (const fill of [0, 255]) assert.match(new RequestIds(new Uint8Array(8).fill(fill), 0).next(), /^[0-9a-z]{8}-0-000$/);
  assert.throws(() => new RequestIds(new Uint8Array(5), 0), /at least 6 bytes/);
});
