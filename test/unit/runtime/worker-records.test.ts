import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Begun, RunToken } from '../../../src/exchange/idempotency-records.ts';
import { RecordDesk } from '../../../src/runtime/records/record-desk.ts';
import type { AskRecords } from '../../../src/runtime/records/record-messages.ts';
import { WorkerRecords } from '../../../src/runtime/records/worker-records.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { answer, folderFor, openBook, order } from './records-kit.ts';

/** A records thread's work in this thread; `end` is its death. */
function openThread(
  t: TestContext,
  folder: string,
  self: string,
  predecessor = '',
): { readonly link: () => MessagePort; readonly end: () => void } {
  const { book } = openBook(folder, { self });
  const desk = new RecordDesk({ schedule: setImmediate, wallNowMs: () => 0, onFailure: () => {}, predecessor });
  desk.open(book);
  const ports: MessagePort[] = [];
  t.after(() => {
    for (const port of ports) port.close();
    book.close();
  });
  return {
    link: () => {
      const { port1, port2 } = new MessageChannel();
      ports.push(port2);
      const link = desk.connect((message) => port2.postMessage(message));
      port2.on('message', (message: AskRecords) => link.onMessage(message));
      return port1;
    },
    end: () => {
      for (const port of ports) port.close();
    },
  };
}

class Asker {
  readonly told: Begun[] = [];
  readonly kept: boolean[] = [];
  onBegun(begun: Begun): void {
    this.told.push(begun);
  }
  onKept(isKept: boolean): void {
    this.kept.push(isKept);
  }
  get token(): RunToken {
    const [begun] = this.told;
    return begun?.kind === 'run' ? begun.token : assert.fail('it may not run');
  }
}

async function begin(records: WorkerRecords, key: string): Promise<Asker> {
  const asker = new Asker();
  records.begin(order(key), asker);
  await waitFor('an answer', () => asker.told.length > 0);
  return asker;
}

test('without a link nothing may run, and that is told later, not within the call', async () => {
  const records = new WorkerRecords();
  const asker = new Asker();
  records.begin(order('k'), asker);
  assert.equal(asker.told.length, 0);
  await waitFor('an answer', () => asker.told.length > 0);
  assert.deepEqual(asker.told, [{ kind: 'unavailable' }]);
});

test('over a death of the records thread what runs goes on, and an answer that was not confirmed is sent again', async (t) => {
  const folder = folderFor(t);
  const before = openThread(t, folder, 'before');
  const records = new WorkerRecords();
  const first = before.link();
  records.connect(first);
  const [running, kept] = [await begin(records, 'running'), await begin(records, 'kept')];
  before.end();
  await waitFor('the link is gone', () => new Promise<boolean>((resolve) => setImmediate(() => resolve(true))));
  records.complete(kept.token, answer('meanwhile'), kept);
  const after = openThread(t, folder, 'after', 'before');
  records.connect(after.link());
  await waitFor('it is kept', () => kept.kept.length > 0);
  assert.deepEqual(kept.kept, [true]);
  assert.equal(records.isIdle, false);
  records.complete(running.token, answer('late'), running);
  await waitFor('it is kept, too', () => running.kept.length > 0);
  assert.deepEqual(running.kept, [true]);
  assert.ok(records.isIdle);
  assert.deepEqual((await begin(records, 'running')).told, [{ kind: 'replay', answer: answer('late'), hasWaited: false }]);
});

test('a question that is under way when its thread dies is answered', async (t) => {
  const folder = folderFor(t);
  const before = openThread(t, folder, 'before');
  const records = new WorkerRecords();
  records.connect(before.link());
  const asker = new Asker();
  records.begin(order('k'), asker);
  records.connect(openThread(t, folder, 'after', 'before').link());
  assert.deepEqual(asker.told, [{ kind: 'unavailable' }]);
});

test('who has left before it was told that it may run gives the key back', async (t) => {
  const records = new WorkerRecords();
  records.connect(openThread(t, folderFor(t), 'self').link());
  const asker = new Asker();
  const question = records.begin(order('k'), asker);
  // Until the desk has answered; the answer is on its way.
  await new Promise((resolve) => setImmediate(resolve));
  records.leave(question);
  const next = await begin(records, 'k');
  await waitFor('it runs', () => next.told.at(-1)?.kind === 'run');
  assert.deepEqual(asker.told, []);
});
