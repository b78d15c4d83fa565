import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { QuotaBook, type QuotaBookStart, type QuotaCells } from '../../../src/runtime/quotas/quota-book.ts';
import { openQuotas, quotaFile } from '../../../src/runtime/quotas/quota-schema.ts';
import { readUsageState, writeMove } from '../../../src/runtime/quotas/usage-state.ts';
import { folderFor } from './records-kit.ts';

type Cell = { start: number; used: number; isChanged: boolean };

/** What `QuotaTable` does, in a Map. */
class FakeCells implements QuotaCells {
  readonly cells = new Map<number, Cell>();

  forEachChanged(visit: (lo: number, hi: number, startSec: number, used: number) => void): void {
    for (const [key, cell] of this.cells) {
      if (cell.isChanged) visit(key, -key, cell.start, cell.used);
      cell.isChanged = false;
    }
  }

  /** Keys for which there is no place. */
  readonly crowded = new Set<number>();

  add(lo: number, _hi: number, startSec: number, cost: number): number {
    if (this.crowded.has(lo)) return 0;
    const cell = this.cells.get(lo);
    if (cell === undefined || cell.start < startSec) this.cells.set(lo, { start: startSec, used: cost, isChanged: true });
    else if (cell.start === startSec) {
      cell.used += cost;
      cell.isChanged = true;
    }
    return this.cells.get(lo)?.used ?? 0;
  }

  give(lo: number, hi: number, startSec: number, cost: number): void {
    this.add(lo, hi, startSec, -cost);
  }

  use(key: number, cost = 1, start = 100): void {
    this.add(key, -key, start, cost);
  }

  used(key: number): number {
    return this.cells.get(key)?.used ?? 0;
  }
}

type Kit = { readonly cells: FakeCells; readonly book: QuotaBook };

function open(t: TestContext, folder: string, { cells = new FakeCells(), how = 'restore' as QuotaBookStart } = {}): Kit {
  const database = openQuotas(folder);
  const book = new QuotaBook(database, cells, how);
  t.after(() => database.isOpen && book.close());
  book.sync();
  return { cells, book };
}

test('what was used is there after a death, up to the last sync', (t) => {
  const folder = folderFor(t);
  const first = open(t, folder);
  first.cells.use(7, 3);
  first.cells.use(-8, 5);
  assert.equal(first.book.sync(), 2);
  first.cells.use(7, 2);
  const second = open(t, folder);
  assert.equal(second.cells.used(7), 3);
  assert.equal(second.cells.used(-8), 5);
});

test('a sync without a change writes nothing', (t) => {
  const { book, cells } = open(t, folderFor(t));
  cells.use(1);
  assert.equal(book.sync(), 1);
  assert.equal(book.sync(), 0);
});

test('a new window takes the place of the old one, and what comes late for the old one is dropped', (t) => {
  const folder = folderFor(t);
  const first = open(t, folder);
  const late = open(t, folder);
  first.cells.use(1, 9, 100);
  first.book.sync();
  late.book.sync();
  first.cells.use(1, 2, 200);
  first.book.sync();
  late.cells.use(1, 4, 100);
  late.book.sync();
  assert.equal(open(t, folder).cells.used(1), 2);
  assert.deepEqual(late.cells.cells.get(1)?.start, 200);
});

test('a process that opens late adds what it has used meanwhile', (t) => {
  const folder = folderFor(t);
  const first = open(t, folder);
  first.cells.use(1, 10);
  first.book.sync();
  const cells = new FakeCells();
  cells.use(1, 4);
  const late = open(t, folder, { cells });
  assert.equal(late.cells.used(1), 14);
  first.book.sync();
  assert.equal(first.cells.used(1), 14);
});

test('a thread that follows a dead one does not count twice', (t) => {
  const folder = folderFor(t);
  const first = open(t, folder);
  first.cells.use(1, 10);
  first.book.sync();
  first.cells.use(1, 3);
  const second = open(t, folder, { cells: first.cells, how: 'adopt' });
  second.book.sync();
  assert.equal(first.cells.used(1), 13);
  assert.equal(open(t, folder).cells.used(1), 13);
});

test('what cannot be written is written later', (t) => {
  const folder = folderFor(t);
  const { book, cells } = open(t, folder);
  cells.use(1, 10);
  const other = openQuotas(folder);
  other.exec("CREATE TRIGGER no BEFORE INSERT ON quotas BEGIN SELECT raise(ABORT, 'no'); END");
  assert.throws(() => book.sync(), /no/);
  cells.use(2, 1);
  assert.throws(() => book.sync(), /no/);
  other.exec('DROP TRIGGER no');
  other.close();
  assert.equal(book.sync(), 2);
  assert.equal(open(t, folder).cells.used(1), 10);
});

test('two processes with one store add up, in any order of uses, syncs and deaths', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('use' as const), who: fc.nat(1), key: fc.nat(2), cost: fc.integer({ min: -2, max: 5 }) }),
    fc.record({ kind: fc.constant('sync' as const), who: fc.nat(1) }),
    fc.record({ kind: fc.constant('die' as const), who: fc.nat(1) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const folder = folderFor(t);
      const kits = [open(t, folder), open(t, folder)];
      const total = [0, 0, 0];
      const unsynced = [
        [0, 0, 0],
        [0, 0, 0],
      ];
      for (const { who, ...step } of steps) {
        const kit = kits[who];
        const mine = unsynced[who];
        assert.ok(kit !== undefined && mine !== undefined);
        if (step.kind === 'use') {
          // Nobody gives back what he has not taken.
          const cost = Math.max(step.cost, -(mine[step.key] ?? 0));
          kit.cells.use(step.key, cost);
          mine[step.key] = (mine[step.key] ?? 0) + cost;
        } else if (step.kind === 'sync') {
          kit.book.sync();
          mine.forEach((cost, key) => {
            total[key] = (total[key] ?? 0) + cost;
          });
          mine.fill(0);
        } else {
          mine.fill(0);
          kits[who] = open(t, folder);
        }
      }
      const { cells } = open(t, folder);
      for (const key of [0, 1, 2]) assert.equal(cells.used(key), total[key]);
    }),
    { numRuns: 40 },
  );
});

test('what finds no room in the table is not lost from the disk when it finds some later', (t) => {
  const folder = folderFor(t);
  const first = open(t, folder);
  first.cells.use(1, 500);
  first.book.sync();
  const cells = new FakeCells();
  cells.crowded.add(1);
  const second = open(t, folder, { cells });
  cells.crowded.clear();
  cells.use(1, 2);
  second.book.sync();
  assert.equal(open(t, folder).cells.used(1), 502);
});

test('windows that are over are dropped', (t) => {
  const folder = folderFor(t);
  const { book, cells } = open(t, folder);
  const nowSec = 1_800_000_000;
  cells.use(1, 1, nowSec - 33 * 86_400);
  cells.use(2, 1, nowSec - 30 * 86_400);
  book.sync();
  assert.equal(book.prune(nowSec), 1);
  assert.equal(book.rows, 1);
});

test('the seed of a store is made once', (t) => {
  const folder = folderFor(t);
  assert.deepEqual(readUsageState(folder).seed, readUsageState(folder).seed);
});

test('a move of a consumer is kept until it is taken back', (t) => {
  const folder = folderFor(t);
  writeMove(folder, 'acme', 'free');
  writeMove(folder, 'acme', 'paid');
  writeMove(folder, 'other', 'free');
  writeMove(folder, 'other', undefined);
  assert.deepEqual([...readUsageState(folder).moves], [['acme', 'paid']]);
});

test('a store that is damaged is set aside and begun anew', (t) => {
  const folder = folderFor(t);
  const damage: ((path: string) => void)[] = [
    (path) => writeFileSync(path, 'this is no database, whatever its name says. '.repeat(100)),
    (path) => {
      const pages = readFileSync(path);
      pages.fill(0x55, 4096);
      writeFileSync(path, pages);
    },
  ];
  for (const [at, spoil] of damage.entries()) {
    const place = join(folder, String(at));
    const { book, cells } = open(t, place);
    for (let key = 0; key < 1000; key++) cells.use(key);
    book.sync();
    book.close();
    spoil(quotaFile(place));
    const { damaged } = readUsageState(place);
    assert.ok(damaged !== undefined && existsSync(damaged), `kind ${at}`);
    assert.equal(readUsageState(place).damaged, undefined);
    assert.equal(open(t, place).cells.used(1), 0);
  }
});
