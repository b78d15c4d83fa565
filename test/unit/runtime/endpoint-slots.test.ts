import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndpointSlots } from '../../../src/runtime/endpoint-slots.ts';
import { CELL, createEndpointMemory, FULL_WEIGHT, MAX_SLOTS, WORD } from '../../../src/upstream/endpoint-memory.ts';
import { HedgeTimes } from '../../../src/upstream/hedge-times.ts';
import { sampleBucket } from '../../../src/upstream/adaptive-samples.ts';

test('a name keeps its slot as long as it is wanted, and for a minute after', () => {
  const memory = createEndpointMemory(1);
  const slots = new EndpointSlots(memory);
  const [a, b] = [slots.take('a'), slots.take('b')];
  assert.notEqual(a, b);
  assert.equal(slots.take('a'), a);
  assert.equal(memory.words[memory.wordAt(a, WORD.WEIGHT)], FULL_WEIGHT);
  memory.words[memory.wordAt(b, WORD.STATE)] = 3;
  slots.keepOnly(new Set(['a']), 1000);
  slots.sweep(60_000);
  assert.equal(slots.take('b'), b);
  assert.equal(memory.words[memory.wordAt(b, WORD.STATE)], 3, 'what was known of it is still known');
  slots.keepOnly(new Set(['a']), 70_000);
  slots.sweep(130_001);
  const epoch = memory.words[memory.wordAt(b, WORD.EPOCH)] ?? 0;
  assert.equal(slots.take('c'), b);
  assert.equal(memory.words[memory.wordAt(b, WORD.STATE)], 0, 'nothing of it is the next one’s');
  assert.equal(memory.words[memory.wordAt(b, WORD.EPOCH)], epoch + 1);
});

test('when there are no slots left, there are none', () => {
  const slots = new EndpointSlots(createEndpointMemory(1));
  for (let i = 0; i < MAX_SLOTS; i++) assert.ok(slots.take(`e${i}`) >= 0);
  assert.equal(slots.take('one more'), -1);
});

test('what a dead worker had in flight is cleared, and nothing else', () => {
  const memory = createEndpointMemory(2);
  for (const worker of [0, 1]) {
    const counts = memory.countsOf(worker, 5);
    counts[CELL.IN_FLIGHT] = 3;
    counts[CELL.ANSWERS] = 7;
  }
  memory.clearWorker(0, [5]);
  assert.deepEqual(
    memory.countsOfWorkers(5).map((counts) => [counts[CELL.IN_FLIGHT], counts[CELL.ANSWERS]]),
    [
      [0, 7],
      [3, 7],
    ],
  );
});

test('a hedge waits for the quantile of the last ten seconds, over all endpoints and workers', () => {
  const memory = createEndpointMemory(2);
  const times = new HedgeTimes(memory, 0, 0.9);
  const answer = (worker: number, slot: number, ms: number, count: number): void => {
    const counts = memory.countsOf(worker, slot);
    const cell = CELL.SAMPLES + sampleBucket(ms);
    counts[cell] = (counts[cell] ?? 0) + count;
  };
  times.tick(0, [1, 2]);
  answer(0, 1, 10, 10);
  times.tick(1000, [1, 2]);
  assert.equal(times.delayMs, 0, 'ten answers say nothing');
  answer(0, 1, 10, 75);
  answer(1, 2, 100, 15);
  times.tick(2000, [1, 2]);
  assert.ok(Math.abs(times.delayMs - 100) < 5, String(times.delayMs));
  // Ten seconds later only what came since counts.
  for (let second = 3; second <= 13; second++) {
    answer(0, 1, 20, 10);
    times.tick(second * 1000, [1, 2]);
  }
  assert.ok(Math.abs(times.delayMs - 20) < 2, String(times.delayMs));
  times.end();
  assert.equal(times.delayMs, 0);
});
