import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CounterBlocks, createCounters } from '../../../src/shm/counters.ts';
import { LINE_BYTES } from '../../../src/shm/segment.ts';

test('the sum over all blocks is that of a plain model, whoever counted', () => {
  const addition = fc.record({ writer: fc.nat(3), cell: fc.nat(20), by: fc.integer({ min: -5, max: 1_000_000 }) });
  fc.assert(
    fc.property(fc.array(addition), (additions) => {
      const counters = createCounters(4, 21);
      const model = new Float64Array(21);
      for (const { writer, cell, by } of additions) {
        const block = counters.block(writer);
        block[cell] = block[cell]! + by;
        model[cell] = model[cell]! + by;
      }
      const totals = new Float64Array(21).fill(99);
      counters.sumInto(totals);
      assert.deepEqual(totals, model);
    }),
  );
});

test('another thread that opens the memory sees the same cells', () => {
  const mine = createCounters(3, 10);
  const theirs = new CounterBlocks(mine.memory);
  assert.equal(theirs.writers, 3);
  assert.equal(theirs.cells, 10);
  theirs.block(2)[9] = 5;
  assert.equal(mine.block(2)[9], 5);
});

test('two blocks never share a cache line', () => {
  const counters = createCounters(5, 3);
  for (let writer = 0; writer < 5; writer += 1) assert.equal(counters.block(writer).byteOffset % LINE_BYTES, 0);
});

test('a block that does not exist and a sum over more cells than there are break the programme', () => {
  const counters = createCounters(2, 4);
  assert.throws(() => counters.block(2), /one of 2/);
  assert.throws(() => counters.sumInto(new Float64Array(5)), /no more cells/);
});
