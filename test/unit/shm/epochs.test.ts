import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createEpochs, Epochs } from '../../../src/shm/epochs.ts';
import { SEED } from './store-fixture.ts';

function make(): Epochs {
  return new Epochs(createEpochs(SEED));
}

test('a bumped name invalidates what was asked for before it, not what was asked for after', () => {
  const epochs = make();
  const cells = [epochs.cellOf('product-1'), epochs.cellOf('list')];
  const before = epochs.now();
  assert.equal(epochs.verdict(cells, before), 'valid');
  epochs.bump('list', false);
  assert.equal(epochs.verdict(cells, before), 'gone');
  assert.equal(epochs.verdict([epochs.cellOf('product-1')], before), 'valid');
  assert.equal(epochs.verdict(cells, epochs.now()), 'valid');
});

test('a soft bump makes stale, and hard is worse than soft', () => {
  const epochs = make();
  const cells = [epochs.cellOf('a')];
  const before = epochs.now();
  epochs.bump('a', true);
  assert.equal(epochs.verdict(cells, before), 'stale');
  const between = epochs.now();
  epochs.bump('a', false);
  assert.equal(epochs.verdict(cells, before), 'gone');
  assert.equal(epochs.verdict(cells, between), 'gone');
  assert.equal(epochs.verdict(cells, epochs.now()), 'valid');
});

test('everything is bumped at once, named or not', () => {
  const epochs = make();
  const before = epochs.now();
  epochs.bumpAll(true);
  assert.equal(epochs.verdict([], before), 'stale');
  epochs.bumpAll(false);
  assert.equal(epochs.verdict([epochs.urlCellOf('http://a/')], before), 'gone');
  assert.equal(epochs.verdict([], epochs.now()), 'valid');
});

test('URLs and names of the same text are apart, and every bump is seen by all in the version', () => {
  const epochs = make();
  const other = new Epochs(epochs.memory);
  const before = other.now();
  const version = other.version();
  epochs.bumpUrl('http://a/', false);
  assert.notEqual(other.version(), version);
  assert.equal(other.verdict([other.cellOf('http://a/')], before), 'valid');
  assert.equal(other.verdict([other.urlCellOf('http://a/')], before), 'gone');
});

test('the version may wrap', () => {
  const epochs = make();
  // Segment header, seed, sequence, then the version, each on a line of its own.
  new Int32Array(epochs.memory, 3 * 64, 1)[0] = 0x7fffffff;
  const version = epochs.version();
  assert.equal(version, 0x7fffffff);
  epochs.bumpAll(false);
  assert.equal(epochs.version(), -0x80000000);
});

test('any run of bumps and judgements agrees with a plain list of what was bumped when', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('bump' as const), name, soft: fc.boolean() }),
    fc.record({ kind: fc.constant('all' as const), soft: fc.boolean() }),
    fc.record({ kind: fc.constant('store' as const), names: fc.uniqueArray(name) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const epochs = make();
      const stored: { names: string[]; since: number; at: number }[] = [];
      const bumps: { name: string | undefined; soft: boolean; at: number }[] = [];
      for (const [at, action] of steps.entries()) {
        if (action.kind === 'store') stored.push({ names: action.names, since: epochs.now(), at });
        if (action.kind === 'bump') epochs.bump(action.name, action.soft);
        if (action.kind === 'all') epochs.bumpAll(action.soft);
        if (action.kind !== 'store') bumps.push({ name: action.kind === 'bump' ? action.name : undefined, soft: action.soft, at });
      }
      for (const { names, since, at } of stored) {
        const hits = bumps.filter((bump) => bump.at > at && (bump.name === undefined || names.includes(bump.name)));
        const wanted = hits.some((bump) => !bump.soft) ? 'gone' : hits.length > 0 ? 'stale' : 'valid';
        assert.equal(
          epochs.verdict(
            names.map((one) => epochs.cellOf(one)),
            since,
          ),
          wanted,
        );
      }
    }),
    { numRuns: 50 },
  );
});

test('names have no order and no length that breaks it', () => {
  const epochs = make();
  const before = epochs.now();
  epochs.bump('x'.repeat(70_000), false);
  assert.equal(epochs.verdict([epochs.cellOf('x'.repeat(70_000))], before), 'gone');
  assert.throws(() => createEpochs(new Uint8Array(3)), /seed/);
});

test('when a URL was invalidated last can be told, and compared with other moments', () => {
  const epochs = make();
  assert.equal(epochs.lastOfUrl('/a'), 0);
  epochs.bump('/a', false);
  const before = epochs.now();
  epochs.bumpUrl('/a', false);
  epochs.bumpUrl('/b', true);
  assert.equal(epochs.lastOfUrl('/a'), before + 1);
  assert.equal(epochs.lastOfUrl('/b'), 0);
});
