import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { EventLog } from '../../../src/observe/log.ts';
import { Crew } from '../../../src/runtime/crew.ts';
import type { FromWorker, ToWorker, WorkerStart } from '../../../src/runtime/messages.ts';
import { createHeartbeats, type Heartbeats } from '../../../src/shm/heartbeat.ts';
import { planOf } from './plan-of.ts';

const LOOK_MS = 250;
const START_TIMEOUT_MS = 30_000;

/** A worker thread of which nothing is real but what it is told and what it says. */
class FakeThread extends EventEmitter {
  readonly told: string[] = [];
  isEnded = false;
  /** It is in a call that nothing interrupts. */
  isBeyondForce = false;

  postMessage(message: ToWorker | WorkerStart): void {
    if (!('kind' in message)) this.told.push(`start ${message.plan.generation}`);
    else this.told.push('plan' in message ? `${message.kind} ${message.plan.generation}` : message.kind);
  }

  terminate(): Promise<number> {
    if (!this.isBeyondForce) this.end(1);
    return Promise.resolve(1);
  }

  end(code: number): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.emit('exit', code);
  }

  say(message: FromWorker): void {
    this.emit('message', message);
  }

  becomeReady(): void {
    this.say({ kind: 'ready', listeners: [] });
  }
}

class Stage {
  readonly threads: FakeThread[] = [];
  readonly said: string[] = [];
  readonly irreplaceable: string[] = [];
  /** The loops of all threads turn. */
  isBeating = false;
  readonly #heartbeats: Heartbeats;
  readonly crew: Crew;
  readonly #t: TestContext;
  #nowMs = 0;

  constructor(t: TestContext, size: number) {
    this.#t = t;
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    t.mock.method(performance, 'now', () => this.#nowMs);
    const slots = 2 * size;
    const say = (event: string): void => void this.said.push(event);
    const log: EventLog = { info: say, warn: say, error: say };
    const heartbeats = createHeartbeats(slots);
    this.#heartbeats = heartbeats;
    const memory = { counters: new SharedArrayBuffer(8), heartbeats: heartbeats.memory };
    this.crew = new Crew(
      {
        size,
        slots,
        threads: { take: () => this.#take() as unknown as Worker, endRest: () => {} },
        isOneFirst: false,
        acceptor: undefined,
        log,
        heartbeats,
        startOf: () => ({ ...memory, accessLogFd: -1, runToken: '' }),
        onStarted: () => {},
        onSlotFreed: () => true,
        onDeath: () => {},
        onException: () => {},
        onIrreplaceable: (reason) => void this.irreplaceable.push(reason),
      },
      planOf(1),
    );
  }

  static async serving(t: TestContext, size: number): Promise<Stage> {
    const stage = new Stage(t, size);
    const started = stage.crew.start();
    for (let n = 0; n < size; n++) stage.thread(n).becomeReady();
    assert.equal(await started, undefined);
    return stage;
  }

  /** The n-th thread that was started. */
  thread(n: number): FakeThread {
    const thread = this.threads[n];
    assert.ok(thread !== undefined, `thread ${n} was started`);
    return thread;
  }

  /** Time goes by, and what is due is done. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += LOOK_MS) {
      this.#nowMs += LOOK_MS;
      for (let slot = 0; this.isBeating && slot < this.#heartbeats.workers; slot++) this.#heartbeats.beat(slot);
      this.#t.mock.timers.tick(LOOK_MS);
      await turn();
    }
  }

  /** As a reload does. */
  async reload(between: () => void): Promise<void> {
    const asked = this.crew.ask('prepared', () => ({ kind: 'prepare', plan: planOf(2) }), 1_000);
    between();
    for (const thread of this.threads) if (thread.told.includes('prepare 2')) thread.say({ kind: 'prepared', generation: 2 });
    assert.deepEqual(await asked, []);
    this.crew.adopt(planOf(2));
  }

  #take(): FakeThread {
    const thread = new FakeThread();
    this.threads.push(thread);
    return thread;
  }
}

test('a worker that becomes ready while the others prepare another plan gets it too', async (t) => {
  const stage = await Stage.serving(t, 2);
  stage.thread(1).end(3);
  await stage.pass(LOOK_MS);
  await stage.reload(() => stage.thread(2).becomeReady());
  const committed = stage.crew.commit(1_000);
  assert.equal(stage.thread(0).told.at(-1), 'commit');
  assert.equal(stage.thread(2).told.at(-1), 'prepare 2');
  stage.thread(2).say({ kind: 'prepared', generation: 2 });
  assert.equal(stage.thread(2).told.at(-1), 'commit');
  for (const n of [0, 2]) stage.thread(n).say({ kind: 'committed', generation: 2, listeners: [] });
  assert.deepEqual(await committed, []);
});

test('a worker that cannot load the plan in force is replaced: it would serve the old one for ever', async (t) => {
  const stage = await Stage.serving(t, 2);
  stage.thread(1).end(3);
  await stage.pass(LOOK_MS);
  await stage.reload(() => {});
  stage.thread(2).becomeReady();
  assert.equal(stage.thread(2).told.at(-1), 'prepare 2');
  stage.thread(2).say({ kind: 'refused', generation: 2, reason: 'a filter does not load' });
  assert.equal(stage.thread(2).told.at(-1), 'drain');
  await stage.pass(LOOK_MS);
  assert.deepEqual(stage.thread(3).told, ['start 2']);
});

test('a successor that never comes to serve is replaced', async (t) => {
  const stage = await Stage.serving(t, 1);
  stage.thread(0).end(3);
  await stage.pass(LOOK_MS);
  assert.equal(stage.threads.length, 2);
  await stage.pass(START_TIMEOUT_MS);
  assert.equal(stage.thread(1).isEnded, true);
  assert.ok(stage.said.includes('worker stayed stuck and is replaced'));
  await stage.pass(1_000);
  assert.equal(stage.threads.length, 3);
});

test('a drain ends a stuck worker within the time that was given', async (t) => {
  const stage = await Stage.serving(t, 2);
  const closed = stage.crew.close(1_000);
  stage.thread(0).say({ kind: 'stopped-accepting' });
  await stage.pass(2_000);
  stage.thread(0).end(0);
  await stage.pass(3_000);
  assert.equal(stage.thread(1).isEnded, true);
  assert.equal(await closed, 0);
});

test('a worker that does not change to the plan in force is replaced', async (t) => {
  const stage = await Stage.serving(t, 2);
  await stage.reload(() => {});
  const committed = stage.crew.commit(1_000);
  stage.thread(0).say({ kind: 'committed', generation: 2, listeners: [] });
  await stage.pass(1_000);
  assert.deepEqual(await committed, ['worker 1 did not answer within 1000 ms']);
  await stage.pass(LOOK_MS);
  assert.equal(stage.thread(1).told.at(-1), 'drain');
  assert.deepEqual(stage.thread(2).told, ['start 2']);
});

test('a worker that is stuck where no force reaches it is told of once, and costs the process', async (t) => {
  const stage = await Stage.serving(t, 2);
  stage.thread(1).isBeyondForce = true;
  const { stuckKillMs } = planOf(1).config.process;
  await stage.pass(stuckKillMs + 4 * LOOK_MS);
  assert.deepEqual(stage.irreplaceable, []);
  await stage.pass(5_000);
  assert.deepEqual(stage.irreplaceable, ['worker 1 is stuck and does not end']);
  await stage.pass(10_000);
  assert.equal(stage.irreplaceable.length, 1);
  assert.equal(stage.said.filter((event) => event === 'worker stayed stuck and is replaced').length, 2);
});

test('while no worker serves the next one comes within a second, however many have died before', async (t) => {
  const stage = await Stage.serving(t, 2);
  for (let deaths = 0; deaths < 20; deaths++) {
    stage.thread(stage.threads.length - 1).end(7);
    for (const thread of stage.threads) if (!thread.isEnded) thread.end(7);
    const before = stage.threads.length;
    await stage.pass(1_000);
    assert.ok(stage.threads.length > before, `after ${deaths} deaths`);
    stage.thread(stage.threads.length - 1).becomeReady();
  }
});

test('where another worker serves, one that dies again and again comes back ever later', async (t) => {
  const stage = await Stage.serving(t, 2);
  stage.isBeating = true;
  for (let deaths = 0; deaths < 10; deaths++) {
    stage.thread(stage.threads.length - 1).end(7);
    const before = stage.threads.length;
    while (stage.threads.length === before) await stage.pass(LOOK_MS);
  }
  stage.thread(stage.threads.length - 1).end(7);
  const before = stage.threads.length;
  await stage.pass(5_000);
  assert.equal(stage.threads.length, before);
});
