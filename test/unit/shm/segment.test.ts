import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSegment, LINE_BYTES, planSegment, readDimensions } from '../../../src/shm/segment.ts';

const identity = { kind: 9, version: 3, dimensions: [4, 100] };

test('regions stand one after another, each on its own cache line, and the segment ends with the last', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10_000), { maxLength: 20 }), (sizes) => {
      const plan = planSegment(
        identity,
        sizes.map((bytes, at) => [`region${at}`, bytes] as const),
      );
      let end = LINE_BYTES;
      for (const [at, bytes] of sizes.entries()) {
        const region = plan.regions[`region${at}`]!;
        assert.equal(region.offset % LINE_BYTES, 0);
        assert.ok(region.offset >= end && region.offset - end < LINE_BYTES);
        assert.equal(region.bytes, bytes);
        end = region.offset + bytes;
      }
      assert.ok(plan.totalBytes >= end && plan.totalBytes - end < LINE_BYTES);
    }),
  );
});

test('whoever opens a segment finds its dimensions', () => {
  const memory = createSegment(planSegment(identity, [['cells', 400]]));
  assert.deepEqual(readDimensions(memory, 9, 3).slice(0, 2), [4, 100]);
});

test('memory that is not this segment is refused', () => {
  const memory = createSegment(planSegment(identity, [['cells', 400]]));
  assert.throws(() => readDimensions(memory, 8, 3), /kind/);
  assert.throws(() => readDimensions(memory, 9, 4), /version/);
  assert.throws(() => readDimensions(new SharedArrayBuffer(LINE_BYTES), 9, 3), /is a segment/);
  assert.throws(() => readDimensions(new SharedArrayBuffer(8), 9, 3), /header/);
  new Int32Array(memory)[3] = 1;
  assert.throws(() => readDimensions(memory, 9, 3), /as long as/);
});

test('a region is laid out once and has a size', () => {
  const twice: readonly (readonly [string, number])[] = [
    ['a', 8],
    ['a', 8],
  ];
  assert.throws(() => planSegment(identity, twice), /once/);
  assert.throws(() => planSegment(identity, [['a', -1]]), /whole number/);
  assert.throws(() => planSegment({ ...identity, dimensions: Array(13).fill(1) }, []), /dimensions/);
});
