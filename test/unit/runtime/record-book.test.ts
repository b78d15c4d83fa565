import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { RunToken } from '../../../src/exchange/idempotency-records.ts';
import { type BookAnswer, RECORD_BYTES, type RecordBook } from '../../../src/runtime/records/record-book.ts';
import { RecordOwners } from '../../../src/runtime/records/record-owners.ts';
import { openRecords } from '../../../src/runtime/records/record-schema.ts';
import { answer, type BookKit, folderFor, openBook, order, textOf, TTL_MS } from './records-kit.ts';

function open(t: TestContext, options?: Parameters<typeof openBook>[1]): BookKit {
  const kit = openBook(folderFor(t), options);
  t.after(() => kit.book.close());
  return kit;
}

function run(book: RecordBook, key: string, nowMs = 0): RunToken {
  const begun = book.transact(() => book.begin(order(key), nowMs));
  assert.equal(begun.kind, 'run');
  return begun.kind === 'run' ? begun.token : assert.fail();
}

function wordOf(begun: BookAnswer): string {
  return begun.kind === 'replay' ? `replay ${textOf(begun.answer)}` : begun.kind;
}

function ask(book: RecordBook, key: string, nowMs = 0): string {
  return wordOf(book.transact(() => book.begin(order(key), nowMs)));
}

test('a key runs once: while it runs others are told so, afterwards they get its answer', (t) => {
  const { book } = open(t);
  const token = run(book, 'k');
  assert.equal(ask(book, 'k'), 'running');
  assert.equal(ask(book, 'other'), 'run');
  assert.ok(book.complete(token, answer('done'), 0));
  assert.deepEqual(book.begin(order('k'), 0), { kind: 'replay', answer: answer('done') });
  assert.equal(ask(book, 'k'), 'replay done');
});

test('another request under the same key is a mismatch, whatever became of the first', (t) => {
  const { book } = open(t);
  const other = (key: string): string => wordOf(book.begin(order(key, 'other'), 0));
  const [running, done, unknown] = ['running', 'done', 'unknown'].map((key) => run(book, key));
  assert.ok(running !== undefined && done !== undefined && unknown !== undefined);
  book.complete(done, answer(''), 0);
  book.giveUp(unknown, 'unknown', 0);
  for (const key of ['running', 'done', 'unknown']) assert.equal(other(key), 'mismatch', key);
});

test('what was given up is forgotten if nothing was sent, and never runs again if something was', (t) => {
  const { book } = open(t);
  assert.ok(book.giveUp(run(book, 'unsent'), 'unsent', 0));
  assert.equal(ask(book, 'unsent'), 'run');
  assert.ok(book.giveUp(run(book, 'unknown'), 'unknown', 0));
  assert.equal(ask(book, 'unknown'), 'unknown');
  assert.ok(book.giveUp(run(book, 'unkept'), 'unkept', 0));
  assert.equal(ask(book, 'unkept'), 'unkept');
});

test('a run ends once, and the token of an earlier run ends no later one', (t) => {
  const { book } = open(t);
  const first = run(book, 'k');
  book.giveUp(first, 'unsent', 0);
  const second = run(book, 'k');
  assert.equal(book.complete(first, answer('first'), 0), false);
  assert.equal(book.giveUp(first, 'unknown', 0), false);
  assert.ok(book.complete(second, answer('second'), 0));
  assert.equal(book.giveUp(second, 'unsent', 0), false);
  assert.equal(ask(book, 'k'), 'replay second');
});

test('a record goes when its time is over, counted from its end, and what runs stays', (t) => {
  const { book } = open(t);
  const token = run(book, 'done', 0);
  run(book, 'running', 0);
  book.giveUp(run(book, 'unknown', 0), 'unknown', 500);
  book.complete(token, answer('x'), 500);
  assert.equal(ask(book, 'done', TTL_MS + 499), 'replay x');
  assert.equal(ask(book, 'running', 10 * TTL_MS), 'running');
  assert.equal(book.expire(TTL_MS + 499, 10), 0);
  assert.equal(ask(book, 'done', TTL_MS + 500), 'run', 'even before it was removed');
  assert.equal(book.expire(TTL_MS + 500, 10), 1);
  assert.equal(ask(book, 'unknown', TTL_MS + 500), 'run');
});

test('all of it is there after a restart; what ran then is unknown', (t) => {
  const folder = folderFor(t);
  const first = openBook(folder, { self: 'first' });
  first.book.complete(run(first.book, 'done'), answer('kept \xff'), 0);
  run(first.book, 'running');
  first.book.close();
  const second = openBook(folder, { self: 'second' });
  t.after(() => second.book.close());
  assert.equal(second.book.records, 2);
  assert.equal(second.book.bytes, first.book.bytes);
  assert.equal(ask(second.book, 'running'), 'running', 'its owner may live');
  second.dead.add('first');
  assert.equal(second.book.loseOfDead(0), 1);
  assert.equal(ask(second.book, 'running'), 'unknown');
  assert.equal(ask(second.book, 'done'), 'replay kept \xff');
});

test('a run whose owner is found dead is unknown at that moment', (t) => {
  const folder = folderFor(t);
  const [one, two] = [openBook(folder, { self: 'one' }), openBook(folder, { self: 'two' })];
  t.after(() => [one, two].map(({ book }) => book.close()));
  const token = run(one.book, 'k');
  assert.equal(ask(two.book, 'k'), 'running');
  two.dead.add('one');
  assert.equal(ask(two.book, 'k'), 'unknown');
  assert.equal(one.book.complete(token, answer('late'), 0), false);
});

test('a run is adopted from its owner before, and from nobody else', (t) => {
  const folder = folderFor(t);
  const [before, after] = [openBook(folder, { self: 'before' }), openBook(folder, { self: 'after' })];
  t.after(() => [before, after].map(({ book }) => book.close()));
  const [a, b] = [run(before.book, 'a'), run(before.book, 'b')];
  assert.ok(after.book.adopt(a, 'before'));
  assert.equal(after.book.adopt(b, 'stranger'), false);
  after.dead.add('before');
  assert.equal(after.book.loseOfDead(0), 1);
  assert.equal(ask(after.book, 'a'), 'running');
  assert.ok(after.book.complete(a, answer('a'), 0));
});

test('for want of room old answers go, their keys stay, and when there is nothing to go no new key is taken', (t) => {
  const { book } = open(t, { limitBytes: 10 * RECORD_BYTES });
  for (let i = 0; i < 4; i++) {
    const token = run(book, `k${i}`, i);
    book.transact(() => book.complete(token, answer('x'.repeat(RECORD_BYTES)), i));
  }
  assert.equal(ask(book, 'k0', 10), 'replay x'.padEnd(7 + RECORD_BYTES, 'x'));
  for (let i = 4; i < 10; i++) run(book, `k${i}`, i);
  assert.equal(ask(book, 'k0', 10), 'unkept');
  assert.equal(ask(book, 'k10', 10), 'full');
  assert.ok(book.bytes <= 10 * RECORD_BYTES);
  assert.equal(book.droppedAnswers, 4);
  assert.equal(ask(book, 'k10', TTL_MS), 'full', 'nothing was removed yet');
  assert.equal(book.expire(TTL_MS, 1), 1);
  assert.equal(ask(book, 'k10', TTL_MS), 'run');
});

test('an answer that is longer than all the room there is leaves its key behind', (t) => {
  const { book } = open(t, { limitBytes: 4 * RECORD_BYTES });
  assert.ok(book.complete(run(book, 'k'), answer('x'.repeat(5 * RECORD_BYTES)), 0));
  assert.equal(ask(book, 'k'), 'unkept');
  assert.equal(book.bytes, RECORD_BYTES);
});

test('a transaction that fails has changed nothing, the figures neither', (t) => {
  const { book } = open(t);
  run(book, 'before');
  assert.throws(
    () =>
      book.transact(() => {
        book.begin(order('k'), 0);
        throw new Error('disk');
      }),
    /disk/,
  );
  assert.equal(book.records, 1);
  assert.equal(book.bytes, RECORD_BYTES);
  assert.equal(ask(book, 'k'), 'run');
});

test('records of a newer version are refused, not thrown away', (t) => {
  const path = join(folderFor(t), 'records.db');
  const database = openRecords(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  assert.throws(() => openRecords(path), /is of a newer version/);
});

test('an owner is alive as long as it holds its lock, and leaves nothing behind', (t) => {
  const folder = join(folderFor(t), 'owners');
  const [one, two] = [new RecordOwners(folder), new RecordOwners(folder)];
  one.begin();
  two.begin();
  assert.ok(one.isAlive(one.self) && one.isAlive(two.self) && two.isAlive(one.self));
  two.end();
  assert.equal(one.isAlive(two.self), false);
  assert.equal(one.isAlive('never-was'), false);
  assert.equal(existsSync(join(folder, `${two.self}.lock`)), false);
  one.sweep();
  assert.ok(two.isAlive(one.self));
  one.end();
});

/** What is to hold, in a few lines: the state of each key, and how often it was given out to run after something of it had been sent. */
test('over any row of steps, in two processes one of which may die, a key that may have run never runs again', (t) => {
  const step = fc.record({
    who: fc.constantFrom(0, 1),
    key: fc.constantFrom('a', 'b', 'c'),
    what: fc.constantFrom('begin', 'begin', 'complete', 'unsent', 'unknown', 'unkept', 'die'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const folder = folderFor(t);
      const kits = [openBook(folder, { self: 'p0' }), openBook(folder, { self: 'p1' })];
      const running = new Map<string, { who: number; token: RunToken }>();
      const ended = new Map<string, string>();
      const alive = [true, true];
      for (const { who, key, what } of steps) {
        const kit = kits[who];
        if (kit === undefined || alive[who] !== true) continue;
        const { book } = kit;
        const mine = running.get(key)?.who === who ? running.get(key)?.token : undefined;
        if (what === 'begin') {
          const begun = book.transact(() => book.begin(order(key), 0));
          const expected = running.has(key) ? 'running' : (ended.get(key) ?? 'run');
          assert.equal(wordOf(begun), expected);
          if (begun.kind === 'run') running.set(key, { who, token: begun.token });
        } else if (what === 'die') {
          if (!alive[1 - who]) continue;
          alive[who] = false;
          kits[1 - who]?.dead.add(`p${who}`);
          for (const [name, held] of running) {
            if (held.who !== who) continue;
            running.delete(name);
            ended.set(name, 'unknown');
          }
        } else if (mine !== undefined) {
          const isDone = what === 'complete';
          assert.ok(book.transact(() => (isDone ? book.complete(mine, answer(key), 0) : book.giveUp(mine, what, 0))));
          running.delete(key);
          if (what !== 'unsent') ended.set(key, isDone ? `replay ${key}` : what);
        }
      }
      for (const { book } of kits) book.recountIfForeign();
      for (const { book } of kits) assert.equal(book.records, running.size + ended.size);
      for (const { book } of kits) book.close();
    }),
    { numRuns: 60 },
  );
});
