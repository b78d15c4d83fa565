import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RunToken } from '../../../src/exchange/idempotency-records.ts';
import type { RecordBook } from '../../../src/runtime/records/record-book.ts';
import { RecordDesk } from '../../../src/runtime/records/record-desk.ts';
import type { AskRecords, TellWorker } from '../../../src/runtime/records/record-messages.ts';
import { answer, folderFor, openBook, order, textOf } from './records-kit.ts';

/** A worker as the desk sees it, and what it was told. */
type Worker = {
  readonly ask: (message: AskRecords) => void;
  readonly close: () => void;
  readonly told: string[];
  readonly tokens: Map<number, RunToken>;
};

type Scene = {
  readonly desk: RecordDesk;
  readonly book: RecordBook;
  readonly dead: Set<string>;
  readonly connect: () => Worker;
  readonly errors: unknown[];
  /** How often the desk wanted to be called. */
  readonly scheduled: () => number;
};

function wordOf(message: TellWorker): string {
  if (message.kind === 'kept') return `kept ${message.isKept}`;
  const { begun, id } = message;
  return begun.kind === 'replay' ? `${id} ${begun.hasWaited ? 'waited' : 'replay'} ${textOf(begun.answer)}` : `${id} ${begun.kind}`;
}

function openScene(t: TestContext, { folder = folderFor(t), self = 'self', predecessor = '', limitBytes = 2 ** 20 } = {}): Scene {
  const { book, dead } = openBook(folder, { self, limitBytes });
  t.after(() => book.close());
  const errors: unknown[] = [];
  let scheduled = 0;
  const desk = new RecordDesk({
    schedule: () => void scheduled++,
    wallNowMs: () => 0,
    onFailure: (error) => errors.push(error),
    predecessor,
  });
  const connect = (): Worker => {
    const told: string[] = [];
    const tokens = new Map<number, RunToken>();
    const link = desk.connect((message) => {
      if (message.kind === 'begun' && message.begun.kind === 'run') tokens.set(message.id, message.begun.token);
      told.push(wordOf(message));
    });
    return { ask: link.onMessage, close: link.onClose, told, tokens };
  };
  return { desk, book, dead, connect, errors, scheduled: () => scheduled };
}

const begin = (id: number, key = 'k', waits = true): AskRecords => ({ kind: 'begin', id, order: { ...order(key), waits } });

function tokenOf(worker: Worker, id = 1): RunToken {
  return worker.tokens.get(id) ?? assert.fail(`question ${id} may not run`);
}

test('nobody is told anything before it is on disk, and one call serves all that came', (t) => {
  const { desk, book, connect, scheduled } = openScene(t);
  desk.open(book);
  const [a, b] = [connect(), connect()];
  a.ask(begin(1, 'x'));
  b.ask(begin(1, 'y'));
  b.ask(begin(2, 'x', false));
  assert.deepEqual([a.told, b.told, scheduled()], [[], [], 1]);
  desk.flush();
  assert.deepEqual([a.told, b.told], [['1 run'], ['1 run', '2 running']]);
  assert.equal(book.records, 2);
});

test('those who wait get the answer when it is kept, on every worker', (t) => {
  const { desk, book, connect } = openScene(t);
  desk.open(book);
  const [a, b] = [connect(), connect()];
  a.ask(begin(1));
  b.ask(begin(1));
  b.ask(begin(2));
  desk.flush();
  assert.deepEqual(b.told, ['1 parked', '2 parked']);
  a.ask({ kind: 'complete', token: tokenOf(a), answer: answer('yes') });
  desk.flush();
  assert.deepEqual(a.told, ['1 run', 'kept true']);
  desk.flush();
  assert.deepEqual(b.told.slice(2), ['1 waited yes', '2 waited yes']);
  b.ask(begin(3));
  desk.flush();
  assert.equal(b.told.at(-1), '3 replay yes');
});

test('when nothing was sent one of those who wait runs, the first that came, and the others go on waiting', (t) => {
  const { desk, book, connect } = openScene(t);
  desk.open(book);
  const [a, b] = [connect(), connect()];
  a.ask(begin(1));
  b.ask(begin(1));
  a.ask(begin(2));
  desk.flush();
  a.ask({ kind: 'giveUp', token: tokenOf(a), how: 'unsent' });
  desk.flush();
  desk.flush();
  assert.deepEqual(
    [a.told, b.told],
    [
      ['1 run', '2 parked'],
      ['1 parked', '1 run'],
    ],
  );
  b.ask({ kind: 'giveUp', token: tokenOf(b), how: 'unknown' });
  desk.flush();
  desk.flush();
  assert.equal(a.told.at(-1), '2 unknown');
});

test('what ran on a worker that died is unknown, and its waiters are forgotten', (t) => {
  const { desk, book, connect } = openScene(t);
  desk.open(book);
  const [a, b] = [connect(), connect()];
  a.ask(begin(1, 'mine'));
  a.ask(begin(2, 'half'));
  b.ask(begin(1, 'other'));
  b.ask(begin(2, 'mine'));
  desk.flush();
  a.ask(begin(3, 'other'));
  desk.flush();
  // The answer came before it died.
  a.ask({ kind: 'complete', token: tokenOf(a, 2), answer: answer('half') });
  a.close();
  desk.flush();
  desk.flush();
  assert.deepEqual(b.told, ['1 run', '2 parked', '2 unknown']);
  b.ask({ kind: 'giveUp', token: tokenOf(b), how: 'unsent' });
  b.ask(begin(3, 'half'));
  b.ask(begin(4, 'other'));
  desk.flush();
  assert.deepEqual(b.told.slice(3), ['3 replay half', '4 run'], 'the dead one was not given the key');
});

test('a question that was left is not asked, and one that was parked makes room', (t) => {
  const { desk, book, connect } = openScene(t);
  desk.open(book);
  const [a, b] = [connect(), connect()];
  a.ask(begin(1, 'left'));
  a.ask({ kind: 'leave', id: 1 });
  a.ask(begin(2));
  b.ask(begin(1));
  desk.flush();
  assert.equal(book.records, 1);
  b.ask({ kind: 'leave', id: 1 });
  a.ask({ kind: 'giveUp', token: tokenOf(a, 2), how: 'unsent' });
  desk.flush();
  desk.flush();
  assert.deepEqual([a.told, b.told], [['2 run'], ['1 parked']]);
});

test('without records, or when they cannot be written, nothing runs; an answer that cannot be kept leaves its key unknown', (t) => {
  const { desk, book, connect, errors } = openScene(t);
  const a = connect();
  a.ask(begin(1));
  desk.flush();
  assert.deepEqual(a.told, ['1 unavailable']);
  desk.open(book);
  a.ask(begin(2));
  desk.flush();
  const { transact } = book;
  book.transact = () => {
    throw new Error('disk full');
  };
  a.ask({ kind: 'complete', token: tokenOf(a, 2), answer: answer('lost') });
  a.ask(begin(3));
  a.ask(begin(4, 'other'));
  desk.flush();
  assert.deepEqual(a.told.slice(1), ['2 run', 'kept false', '3 unavailable', '4 unavailable']);
  assert.deepEqual([errors.length, desk.failures], [1, 1]);
  book.transact = transact;
  a.ask(begin(5));
  desk.flush();
  assert.equal(a.told.at(-1), '5 parked', 'it runs as long as the debt stands');
  desk.tick();
  desk.flush();
  desk.flush();
  assert.equal(a.told.at(-1), '5 unknown');
});

test('who waits for what runs in another process learns its end by asking again', (t) => {
  const folder = folderFor(t);
  const [here, there] = [openScene(t, { folder, self: 'here' }), openScene(t, { folder, self: 'there' })];
  for (const { desk, book } of [here, there]) desk.open(book);
  const [a, b] = [here.connect(), there.connect()];
  b.ask(begin(1, 'done'));
  b.ask(begin(2, 'dead'));
  there.desk.flush();
  a.ask(begin(1, 'done'));
  a.ask(begin(2, 'dead'));
  here.desk.flush();
  b.ask({ kind: 'complete', token: tokenOf(b, 1), answer: answer('there') });
  there.desk.flush();
  here.dead.add('there');
  here.desk.tick();
  here.desk.flush();
  assert.deepEqual(a.told, ['1 parked', '2 parked', '1 waited there', '2 unknown']);
});

test('after the death of its thread what still runs goes on, and what nobody claims is unknown', (t) => {
  const folder = folderFor(t);
  const before = openScene(t, { folder, self: 'before' });
  before.desk.open(before.book);
  const [a, b] = [before.connect(), before.connect()];
  a.ask(begin(1, 'goes on'));
  b.ask(begin(1, 'lost'));
  before.desk.flush();
  const after = openScene(t, { folder, self: 'after', predecessor: 'before' });
  assert.ok(after.desk.isAwaiting('before') && !after.desk.isAwaiting(''));
  const again = after.connect();
  // It asks before the records are open.
  again.ask({ kind: 'resume', tokens: [tokenOf(a)] });
  after.desk.open(after.book);
  again.ask(begin(1, 'lost'));
  after.desk.flush();
  assert.deepEqual(again.told, ['1 parked']);
  after.desk.endGrace();
  again.ask({ kind: 'complete', token: tokenOf(a), answer: answer('late') });
  after.desk.tick();
  after.desk.flush();
  assert.deepEqual(again.told, ['1 parked', 'kept true', '1 unknown']);
});

test('at the end what runs is unknown', (t) => {
  const { desk, book, connect } = openScene(t);
  desk.open(book);
  const a = connect();
  a.ask(begin(1));
  desk.flush();
  desk.close();
  assert.equal(book.begin(order('k'), 0).kind, 'unknown');
});

test('when there is no room for another key, it is refused', (t) => {
  const { desk, book, connect } = openScene(t, { limitBytes: 400 });
  desk.open(book);
  const a = connect();
  a.ask(begin(1, 'a'));
  a.ask(begin(2, 'b'));
  desk.flush();
  assert.deepEqual(a.told, ['1 run', '2 unavailable']);
});
