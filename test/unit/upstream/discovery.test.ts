import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeptSet } from '../../../src/upstream/discovery/kept-set.ts';
import { found } from '../../../src/upstream/discovery/source.ts';
import { targetsOf } from '../../../src/upstream/discovery/srv-targets.ts';

const HOUR_MS = 3_600_000;
const at = (...hosts: readonly number[]) => hosts.map((host) => found(`10.0.0.${host}`, 80));
const kinds = (changes: readonly { readonly kind: string }[]): string[] => changes.map(({ kind }) => kind);

test('order and repetition in an answer mean nothing', () => {
  const hosts = fc.array(fc.nat(20), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(hosts, fc.func(fc.nat()), (answer, keyOf) => {
      const kept = new KeptSet(HOUR_MS, []);
      kept.onAnswer(at(...answer), 0);
      assert.equal(kept.endpoints.length, new Set(answer).size);
      const shuffled = [...answer, ...answer].sort((a, b) => keyOf(a) - keyOf(b));
      assert.deepEqual(kept.onAnswer(at(...shuffled), 1), []);
    }),
  );
});

test('a first answer that says what the configuration says changes nothing', () => {
  const known = at(2, 1).map((endpoint) => ({ ...endpoint, url: `http://${endpoint.host}`, slot: 7 }));
  assert.deepEqual(new KeptSet(HOUR_MS, known).onAnswer(at(1, 2), 0), []);
});

test('what is new and what is gone is counted; another weight alone is a change too', () => {
  const kept = new KeptSet(HOUR_MS, at(1, 2));
  const [change] = kept.onAnswer(at(2, 3, 4), 0);
  assert.ok(change?.kind === 'changed');
  assert.deepEqual([change.added, change.removed], [2, 1]);
  const heavier = [found('10.0.0.2', 80, { weight: 2, priority: 0, zone: '' }), ...at(3, 4)];
  assert.deepEqual(kinds(kept.onAnswer(heavier, 1)), ['changed']);
});

test('failures and empty answers keep the set for a time, then there is none, and the next good answer brings it back', () => {
  const kept = new KeptSet(HOUR_MS, []);
  kept.onAnswer(at(1), 0);
  assert.deepEqual(kinds(kept.onProblem('timeout', 1000)), ['failing']);
  assert.deepEqual(kinds(kept.onAnswer([], 2000)), [], 'told once');
  assert.equal(kept.problem, 'the answer is empty');
  assert.deepEqual(kept.tick(HOUR_MS + 999), []);
  assert.deepEqual(kept.endpoints, at(1));
  assert.deepEqual(kinds(kept.tick(HOUR_MS + 1000)), ['expired']);
  assert.deepEqual(kinds(kept.tick(HOUR_MS + 2000)), []);
  assert.deepEqual(kept.endpoints, []);
  assert.deepEqual(kinds(kept.onAnswer(at(1), HOUR_MS + 3000)), ['recovered', 'changed']);
  assert.equal(kept.problem, '');
});

test('a good answer in between begins the time anew', () => {
  const kept = new KeptSet(HOUR_MS, []);
  kept.onAnswer(at(1), 0);
  kept.onProblem('timeout', 1000);
  assert.deepEqual(kinds(kept.onAnswer(at(1), HOUR_MS)), ['recovered']);
  kept.onProblem('timeout', HOUR_MS + 1);
  assert.deepEqual(kept.tick(2 * HOUR_MS), []);
});

test('endpoints of the configuration serve until the first good answer, however long that takes', () => {
  const kept = new KeptSet(HOUR_MS, at(1));
  kept.onProblem('timeout', 0);
  assert.deepEqual(kept.tick(100 * HOUR_MS), []);
  assert.deepEqual(kept.endpoints, at(1));
});

test('an answer with more than a thousand endpoints is none', () => {
  const kept = new KeptSet(HOUR_MS, at(1));
  const many = Array.from({ length: 1001 }, (_, i) => found(`h${i}`, 80));
  assert.deepEqual(kinds(kept.onAnswer(many, 0)), ['failing']);
  assert.deepEqual(kept.endpoints, at(1));
});

test('SRV: distinct priorities become 0, 1, 2 and so on up to 9; weights above a thousand are scaled', () => {
  const records = Array.from({ length: 12 }, (_, i) => ({ name: `h${i}`, port: 80, priority: i * 100, weight: i }));
  assert.deepEqual(
    targetsOf(records).map(({ standing }) => standing.priority),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9],
  );
  const heavy = [0, 1, 65_535].map((weight) => ({ name: 'h', port: 80, priority: 0, weight }));
  assert.deepEqual(
    targetsOf(heavy).map(({ standing }) => standing.weight),
    [1, 1, 1000],
  );
  assert.deepEqual(targetsOf([{ name: '', port: 0, priority: 0, weight: 0 }]), []);
});
