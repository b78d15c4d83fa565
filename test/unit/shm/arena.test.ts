import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Arena, packBlock } from '../../../src/shm/arena.ts';
import { createStoreMemory } from '../../../src/shm/store-layout.ts';
import { SEED } from './store-fixture.ts';

function make(bytes = 128 * 1024): Arena {
  return makeWithWords(bytes).arena;
}

function makeWithWords(bytes = 128 * 1024): { arena: Arena; words: Int32Array } {
  const store = createStoreMemory({ bytes, participants: 1, seed: SEED });
  const arena = new Arena(store);
  arena.rebuild(new Float64Array(0));
  return { arena, words: store.words };
}

/** Every granule as the arena has it: free ones from its lists, the others from `used`; throws on overlap and on free neighbours. */
function check(arena: Arena, used: ReadonlyMap<number, number>): void {
  const owners = new Uint8Array(arena.granules);
  const claim = (block: number, size: number) => {
    for (let at = block; at < block + size; at += 1) {
      assert.ok(at < arena.granules && owners[at] === 0, `granule ${at} is in one block only`);
      owners[at] = 1;
    }
  };
  for (const [block, size] of used) claim(block, size);
  const ends = new Set<number>();
  let free = 0;
  arena.forEachFree((block, size) => {
    claim(block, size);
    free += size;
    ends.add(block + size);
  });
  arena.forEachFree((block) => assert.ok(!ends.has(block), 'free neighbours are one block'));
  assert.ok(
    owners.every((owner) => owner === 1),
    'no granule is lost',
  );
  assert.equal(arena.freeGranules, free);
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1024 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('give' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('largest' as const), size: fc.integer({ min: 1, max: 1024 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shorten' as const), which: fc.nat(), by: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rebuild' as const) }) },
);

test('whatever is taken, given back, shortened and rebuilt: every granule is in one block, free neighbours are one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const { arena, words } = makeWithWords();
      const used = new Map<number, number>();
      for (const action of steps) {
        const nth = (which: number) => [...used.keys()][which % Math.max(used.size, 1)];
        if (action.kind === 'take' || action.kind === 'largest') {
          const block = action.kind === 'take' ? arena.take(action.size) : arena.takeLargest(action.size);
          if (block === -1) continue;
          assert.ok(arena.taken <= action.size && (action.kind === 'largest' || arena.taken === action.size));
          used.set(block, arena.taken);
          // Owners write what they like.
          words.fill(arena.taken, block * 16, (block + arena.taken) * 16);
        } else if (action.kind === 'rebuild') {
          arena.rebuild(Float64Array.from([...used].map(([block, size]) => packBlock(block, size))).sort());
        } else {
          const block = nth(action.which);
          if (block === undefined) continue;
          const size = used.get(block)!;
          const kept = action.kind === 'give' ? 0 : Math.max(size - action.by, 1);
          if (kept === size) continue;
          if (kept === 0) {
            arena.give(block, size);
            used.delete(block);
          } else {
            arena.shorten(block, size, kept);
            used.set(block, kept);
          }
        }
        check(arena, used);
      }
    }),
    { numRuns: 60 },
  );
});

test('a block is found whenever a free one of twice its size is there', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (size) => {
      const arena = make();
      // Leave free blocks of exactly 2 × size between used ones, and one granule apart.
      const gaps: number[] = [];
      for (;;) {
        const gap = arena.take(2 * size);
        if (gap === -1) break;
        gaps.push(gap);
        arena.take(1);
      }
      while (arena.takeLargest(1024) !== -1);
      for (const gap of gaps) arena.give(gap, 2 * size);
      for (let found = 0; found < gaps.length; found += 1) assert.notEqual(arena.take(size), -1);
    }),
  );
});

test('the largest free block is known', () => {
  const arena = make();
  assert.equal(arena.largestFree(), arena.granules);
  const first = arena.take(100);
  assert.equal(arena.largestFree(), arena.granules - 100);
  while (arena.takeLargest(1024) !== -1);
  assert.equal(arena.largestFree(), 0);
  arena.give(first, 100);
  assert.equal(arena.largestFree(), 100);
  assert.equal(arena.take(101), -1);
  assert.equal(arena.take(100), first);
});
