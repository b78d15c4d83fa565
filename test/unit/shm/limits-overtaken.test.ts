import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { STATE } from '../../../src/shm/key-cells.ts';
import { LIMIT_CELL, LimitMemory, layLimitTable } from '../../../src/shm/limit-memory.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import { layQuotaTable, QuotaTable } from '../../../src/shm/quota-table.ts';
import { type CompiledLimit, compileLimit } from '../../../src/shm/rolling-limit.ts';
import { runKilledAt } from '../../harness/kill-at.ts';
import { overtakeAtEveryStep, runOvertaken } from '../../harness/overtake.ts';
import { faultsOfLimits } from '../../threads/limits-world.ts';
import { bucketOf, windowOf } from './limit-fixture.ts';
import { SEED } from './store-fixture.ts';

/** One thread stands still at some step of a call while another does something whole. All orders of two that both go on: test/threads/limits.test.ts. */

const NOW_MS = 1_000_000_000;
const HOUR_MS = 3_600_000;
const LOW = 1;
const [K, J] = [100, 200];
/** Word of the only cell of a table with two slots. */
const CELL = LIMIT_CELL.WORDS;

const BUCKET = compileLimit(bucketOf(10, HOUR_MS));
const WINDOW = compileLimit(windowOf(10, HOUR_MS));
const OTHER_BUCKET = compileLimit(bucketOf(7, 1000));
const OTHER_WINDOW = compileLimit(windowOf(7, 24 * HOUR_MS));

type World = { readonly a: LimitTable; readonly b: LimitTable; readonly memory: LimitMemory };

function makeWorld(slots = 2): World {
  const memory = new LimitMemory(layLimitTable(1, slots, SEED));
  return { a: new LimitTable(memory.memory, 0), b: new LimitTable(memory.memory, 1), memory };
}

function remainingOf(table: LimitTable, limit: CompiledLimit, key: number, nowMs: number): number {
  table.peek(limit, LOW, key, nowMs);
  return table.remaining;
}

describe('a call whose cell goes to another key while it stands still', () => {
  for (const [name, limit] of [
    ['bucket', BUCKET],
    ['window', WINDOW],
  ] as const) {
    for (const [otherName, other] of [
      ['bucket', OTHER_BUCKET],
      ['window', OTHER_WINDOW],
    ] as const) {
      for (const call of ['take', 'charge'] as const) {
        test(`${call} of a ${name}: the other key, of a ${otherName}, has all that it had`, () => {
          let moved = 0;
          const steps = overtakeAtEveryStep({
            prepare: () => {
              const world = makeWorld();
              // A cell of which nothing is known, and which is kept for a moment only.
              world.a.take(limit, LOW, K, NOW_MS - 10 * HOUR_MS, 1, 0);
              world.a.reset(limit, LOW, K);
              return world;
            },
            act: ({ a }) => (call === 'take' ? a.take(limit, LOW, K, NOW_MS, 1, 0) : a.charge(limit, LOW, K, NOW_MS, 1)),
            other: ({ b }) => {
              assert.ok(b.take(other, LOW, J, NOW_MS + 1000, 1, 0));
              b.reset(other, LOW, J);
            },
            check: ({ b, memory }) => {
              if (memory.cells[CELL] === J) {
                moved += 1;
                assert.equal(remainingOf(b, other, J, NOW_MS + 1000), 7);
                assert.ok(b.take(other, LOW, J, NOW_MS + 1000, 7, 0));
              } else assert.equal(remainingOf(b, limit, K, NOW_MS + 1000), 9);
            },
          });
          assert.ok(moved > 2 && steps > moved, `${moved} of ${steps}`);
        });
      }
    }

    test(`take of a ${name}: the other key has come to the very same word, and is charged on; it loses nothing by it`, () => {
      const { a, memory } = makeWorld();
      a.take(limit, LOW, K, NOW_MS, 1, 0);
      const { cells } = memory;
      let swaps = 0;
      const isAdmitted = runOvertaken(
        () => a.take(limit, LOW, K, NOW_MS, 2, 0),
        ({ kind, index }) => {
          const isSwap = kind === 'swap' && index === CELL + STATE;
          if (isSwap) swaps += 1;
          if (isSwap && swaps === 1) cells[CELL] = J;
          // Before ours is undone, and once more before it is taken from what was charged on top of it.
          if (isSwap && (swaps === 2 || swaps === 3)) new LimitTable(memory.memory, 1).charge(limit, LOW, J, NOW_MS, 2);
        },
      );
      assert.ok(isAdmitted, 'by the cell of those that have none');
      assert.ok(swaps >= 4);
      assert.equal(remainingOf(a, limit, J, NOW_MS), 5, '1 that the word said, and twice 2');
    });

    test(`take of a ${name}: the other key has been forgotten since, and nothing is undone`, () => {
      const { a, memory } = makeWorld();
      a.take(limit, LOW, K, NOW_MS, 1, 0);
      const { cells } = memory;
      let swaps = 0;
      runOvertaken(
        () => a.take(limit, LOW, K, NOW_MS, 2, 0),
        ({ kind, index }) => {
          if (kind === 'swap' && index === CELL + STATE && swaps === 0) {
            swaps = 1;
            cells[CELL] = J;
          } else if (kind === 'load' && index === CELL && swaps === 1) {
            swaps = 2;
            cells[CELL + LIMIT_CELL.FULL_AT] = Math.floor(NOW_MS / 100) - 10;
            assert.equal(new LimitTable(memory.memory, 1).sweep(NOW_MS, 2), 1);
          }
        },
      );
      assert.equal(remainingOf(a, limit, K, NOW_MS), 8, 'it has the cell that is free');
    });
  }

  test('a reset that is overtaken looks for the cell anew', () => {
    overtakeAtEveryStep({
      prepare: () => {
        const world = makeWorld();
        world.a.take(OTHER_BUCKET, LOW, K, NOW_MS, 7, 0);
        return world;
      },
      act: ({ a }) => a.reset(OTHER_BUCKET, LOW, K),
      other: ({ b }) => b.take(OTHER_BUCKET, LOW, J, NOW_MS + HOUR_MS, 2, 0),
      check: ({ b, memory }, wasReset) => {
        const isMoved = memory.cells[CELL] === J;
        assert.ok(isMoved || wasReset);
        if (isMoved) assert.equal(remainingOf(b, OTHER_BUCKET, J, NOW_MS + HOUR_MS), 5);
      },
    });
  });
});

describe('two of one key, one of them overtaken at any step', () => {
  for (const limit of [BUCKET, WINDOW]) {
    for (const [name, beganMs] of [
      ['a new cell', undefined],
      ['a cell of long ago', NOW_MS - 10 * HOUR_MS],
      ['a cell in use', NOW_MS - 1000],
    ] as const) {
      test(`${limit.isWindow ? 'window' : 'bucket'}, ${name}: both calls count`, () => {
        for (const call of ['take', 'charge', 'give'] as const) {
          overtakeAtEveryStep({
            prepare: () => {
              const world = makeWorld(4);
              if (beganMs !== undefined) world.a.take(limit, LOW, K, beganMs, 5, 0);
              return world;
            },
            act: ({ a }) => a[call](limit, LOW, K, NOW_MS, 2, 0),
            other: ({ b }) => b.take(limit, LOW, K, NOW_MS, 3, 0),
            check: ({ b }) => {
              const used = 10 - remainingOf(b, limit, K, NOW_MS);
              const before = name === 'a cell in use' ? 5 : 0;
              // What flows back in the second since then makes up less than a token.
              if (call === 'give') assert.ok(used === before + 1 || used === before + 3, `${used}`);
              else assert.equal(used, before + 5);
            },
          });
        }
      });
    }
  }

  test('a look at a window from a clock that is late by days sees what is counted, as others count on', () => {
    const limit = compileLimit(windowOf(10, 1000));
    overtakeAtEveryStep({
      prepare: () => {
        const world = makeWorld(4);
        world.a.take(limit, LOW, K, NOW_MS, 5, 0);
        return world;
      },
      act: ({ a }) => remainingOf(a, limit, K, NOW_MS - 100_000),
      other: ({ b }) => b.take(limit, LOW, K, NOW_MS, 3, 0),
      check: (_world, remaining) => assert.ok(remaining === 5 || remaining === 2, `${remaining}`),
    });
  });
});

describe('a quota, one of two overtaken at any step', () => {
  const NOW_SEC = 1_764_000_000;
  const OLD_SEC = NOW_SEC - 33 * 86_400;
  const makeQuotas = (slots: number) => {
    const memory = layQuotaTable(1, slots, SEED);
    return [0, 1].map((self) => new QuotaTable(memory, self)) as [QuotaTable, QuotaTable];
  };

  for (const call of ['take', 'add', 'give', 'reset'] as const) {
    test(`${call}: what the other uses counts too`, () => {
      overtakeAtEveryStep({
        prepare: () => {
          const world = makeQuotas(4);
          world[0].add(LOW, K, NOW_SEC, 5);
          return world;
        },
        act: ([a]) => {
          if (call === 'take') a.take(LOW, K, NOW_SEC, 100, 2);
          else if (call === 'reset') a.reset(LOW, K);
          else a[call](LOW, K, NOW_SEC, 2);
        },
        other: ([, b]) => b.add(LOW, K, NOW_SEC, 3),
        check: ([, b]) => {
          const used = b.peek(LOW, K, NOW_SEC);
          if (call === 'reset') assert.ok(used === 0 || used === 3, `${used}`);
          else assert.equal(used, call === 'give' ? 6 : 10);
        },
      });
    });

    test(`${call}: the only cell goes to another key, which has nothing of it`, () => {
      let moved = 0;
      overtakeAtEveryStep({
        prepare: () => {
          const world = makeQuotas(2);
          world[0].add(LOW, K, OLD_SEC, 5);
          return world;
        },
        act: ([a]) => {
          if (call === 'take') a.take(LOW, K, NOW_SEC, 100, 2);
          else if (call === 'reset') a.reset(LOW, K);
          else a[call](LOW, K, call === 'give' ? OLD_SEC : NOW_SEC, 2);
        },
        other: ([, b]) => b.add(LOW, J, NOW_SEC, 3),
        check: ([, b]) => {
          const used = b.peek(LOW, J, NOW_SEC);
          assert.ok(used === 3 || used === 0, `${used}`);
          if (used === 3) moved += 1;
          else if (call === 'take' || call === 'add') assert.equal(b.peek(LOW, K, NOW_SEC), 2);
        },
      });
      assert.ok(moved > 0);
    });
  }
});

test('what a dead thread was about to make for a fingerprint of 0 is mended, overtaken at any step by one that makes another cell', () => {
  let deaths = 0;
  for (let step = 1; ; step += 1) {
    const makeDead = (): { readonly world: World; readonly isDead: boolean } => {
      const world = makeWorld(4);
      return { world, isDead: runKilledAt(step, () => world.a.take(BUCKET, LOW, 0, NOW_MS, 1, 0)).kind === 'killed' };
    };
    if (!makeDead().isDead) break;
    deaths += 1;
    overtakeAtEveryStep({
      prepare: () => makeDead().world,
      act: ({ b }) => b.recover(0),
      // The fingerprint that cells have which were used once and are nobody's.
      other: ({ memory }) => assert.ok(new LimitTable(memory.memory, 2).take(BUCKET, LOW, 1, NOW_MS, 3, 0)),
      check: ({ b, memory }) => {
        assert.deepEqual(faultsOfLimits(memory.memory, true), []);
        assert.equal(remainingOf(b, BUCKET, 1, NOW_MS), 7);
        assert.ok(b.take(BUCKET, LOW, 0, NOW_MS, 9, 0));
      },
    });
  }
  assert.ok(deaths > 10, `${deaths}`);
});
