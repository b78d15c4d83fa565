import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena } from '../../../src/shm/arena.ts';
import { BLOCK } from '../../../src/shm/blocks.ts';
import { STATE, withState } from '../../../src/shm/entry-table.ts';
import { headOf, QUEUE } from '../../../src/shm/eviction-queues.ts';
import { CONTROL, GRANULE_WORDS, RECORD, RECORD_WORDS, StoreMemory, TOTALS } from '../../../src/shm/store-layout.ts';
import { assertSound, bodyOf, makeStores, put } from './store-fixture.ts';

/** `verify` is what all tests of the store go by; these are tests of it: whatever is spoilt, it says so. */

/** Entries of a key's three variants from the oldest on, of another key, and one that is free again. */
const [OLDEST, MIDDLE, NEWEST, ALONE, FREED] = [0, 1, 2, 3, 4] as const;

class Spoiler extends StoreMemory {
  get(entry: number, cell: number): number {
    return this.records[entry * RECORD_WORDS + cell]!;
  }

  set(entry: number, cell: number, value: number): void {
    this.records[entry * RECORD_WORDS + cell] = value;
  }

  /** Sets a word of the entry's first block. */
  setBlock(entry: number, cell: number, value: number): void {
    this.words[this.get(entry, RECORD.FIRST) * GRANULE_WORDS + cell] = value;
  }
}

/** Frees two blocks that are neighbours, the second one as if the first were in use. */
function leaveNeighbours(memory: Spoiler): void {
  const arena = new Arena(memory);
  const [first, second] = [arena.take(2), arena.take(2)];
  arena.take(2);
  assert.equal(second, first + 2);
  arena.give(first, 2);
  const { usedGranules } = memory;
  for (const granule of [first, first + 1]) usedGranules[granule >>> 5] = usedGranules[granule >>> 5]! | (1 << (granule & 31));
  arena.give(second, 2);
}

const ROWS: readonly (readonly [says: RegExp, spoil: (memory: Spoiler) => void])[] = [
  [
    /^granule \d+ belongs to 0 and to 3$/,
    (memory) => {
      for (const cell of [RECORD.FIRST, RECORD.HEAD_EVEN]) memory.set(ALONE, cell, memory.get(OLDEST, cell));
    },
  ],
  [/^\d+ granules are lost$/, (memory) => memory.setBlock(ALONE, BLOCK.GRANULES, 0)],
  [/^the chain of entry 3 makes no sense$/, (memory) => memory.setBlock(ALONE, BLOCK.GRANULES, 0)],
  [/^entry 3 owns \d+ granules, not \d+$/, (memory) => memory.set(ALONE, RECORD.GRANULES, 1000)],
  [/^free neighbours meet at \d+$/, leaveNeighbours],
  [/^\d+ granules are free, not 1$/, ({ totals }) => (totals[TOTALS.FREE_GRANULES] = 1)],
  [/^entry 0 is linked twice$/, (memory) => memory.set(OLDEST, RECORD.CHAIN_NEXT, OLDEST + 1)],
  [/^entry 3 is in the chain of another bucket$/, (memory) => memory.set(ALONE, RECORD.HASH_LOW, memory.get(ALONE, RECORD.HASH_LOW) ^ 1)],
  [/^entry 3 is linked, but not live$/, (memory) => memory.set(ALONE, RECORD.STATE, withState(0, STATE.DOOMED))],
  [/^entry 0 is newer than one before it$/, (memory) => memory.set(OLDEST, RECORD.BIRTH, memory.get(NEWEST, RECORD.BIRTH))],
  [/^entry 3 is live, but not linked$/, ({ buckets }) => buckets.fill(0)],
  [/^entry 3 is live, but not queued$/, ({ control }) => (control[headOf(QUEUE.SMALL)] = 0)],
  [/^entry 0 is queued twice$/, (memory) => memory.set(OLDEST, RECORD.OLDER, OLDEST + 1)],
  [/^entry 3 is in a queue that it does not name$/, (memory) => memory.set(ALONE, RECORD.QUEUE, QUEUE.MAIN)],
  [/^entry 1 does not know who is before it$/, (memory) => memory.set(MIDDLE, RECORD.NEWER, 0)],
  [/^entry 3 is queued, but not live$/, (memory) => memory.set(ALONE, RECORD.STATE, withState(0, STATE.DOOMED))],
  [/^the tail of queue 1 is not its last$/, ({ control }) => (control[headOf(QUEUE.SMALL) + 1] = NEWEST + 1)],
  [/^queue 1 weighs \d+, not 1$/, ({ totals }) => (totals[TOTALS.SMALL_GRANULES] = 1)],
  [/^queue 2 weighs 0, not 1$/, ({ totals }) => (totals[TOTALS.MAIN_GRANULES] = 1)],
  [/^entry 4 is 0, and not in the free list$/, ({ control }) => (control[CONTROL.FREE_ENTRY] = 0)],
  [/^entry 3 is 2, and in the free list$/, ({ control }) => (control[CONTROL.FREE_ENTRY] = ALONE + 1)],
  [/^entry 3 is doomed and not pinned, but not free$/, (memory) => memory.set(ALONE, RECORD.STATE, withState(0, STATE.DOOMED))],
  [/^entry 4 is in use, but counted as never used$/, ({ control }) => (control[CONTROL.USED_ENTRIES] = FREED)],
  [/^entry 3 is live, but counted as a fill$/, (memory) => memory.set(ALONE, RECORD.FILLING, 1)],
  [/^4 objects are live, not 1$/, ({ totals }) => (totals[TOTALS.OBJECTS] = 1)],
  [/^the payload is \d+, not 1$/, ({ totals }) => (totals[TOTALS.PAYLOAD] = 1)],
  [/^0 granules are filling, not 1$/, ({ totals }) => (totals[TOTALS.FILLING_GRANULES] = 1)],
];

for (const [says, spoil] of ROWS) {
  test(`a store of which it is true that ${says.source.slice(1, -1).replaceAll('\\d+', 'n')} is not sound`, () => {
    const [store] = makeStores(64 * 1024);
    for (const key of ['k', 'k', 'k', 'alone']) put(store!, { key });
    store!.doom(put(store!, { key: 'freed', body: bodyOf(5000, 1) })!);
    assertSound(store!);
    spoil(new Spoiler(store!.memory));
    const problems = store!.verify();
    assert.ok(
      problems.some((problem) => says.test(problem)),
      problems.join('\n'),
    );
  });
}

test('of very many faults the first twenty are told', () => {
  const [store] = makeStores(64 * 1024);
  for (const key of ['k', 'l']) put(store!, { key, body: bodyOf(5000, 1) });
  const memory = new Spoiler(store!.memory);
  for (const cell of [RECORD.FIRST, RECORD.HEAD_EVEN]) memory.set(1, cell, memory.get(0, cell));
  assert.equal(store!.verify().length, 20);
});
