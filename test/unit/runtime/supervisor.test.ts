import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { EventLog } from '../../../src/observe/log.ts';
import type { FromProxy, ToProxy } from '../../../src/runtime/messages.ts';
import { startOptions } from '../../../src/runtime/start-options.ts';
import { Supervisor } from '../../../src/runtime/supervisor.ts';
import { configNamed } from './plan-of.ts';

const SOURCES = { places: new Map(), bytes: new Uint8Array() };
const READY_TIMEOUT_MS = 30_000;
const KILL_MARGIN_MS = 8_000;
const STUCK_MS = 3 * configNamed('a').process.stuckKillMs;
const ALIVE_MS = 1_000;
/** Above the highest that Linux gives. */
const NO_PROCESS = 2 ** 22 + 1;

/** A proxy process of which nothing is real but what the supervisor tells it. */
class FakeProxy extends EventEmitter {
  readonly told: string[] = [];
  readonly pid: number;
  connected = true;
  begun: unknown;

  constructor(pid: number) {
    super();
    this.pid = pid;
  }

  send(message: ToProxy | { readonly start: unknown }): void {
    if ('start' in message) this.begun = message.start;
    else this.told.push(message.kind);
  }

  kill(signal: NodeJS.Signals): void {
    this.die(signal);
  }

  die(signal: NodeJS.Signals): void {
    this.connected = false;
    this.emit('exit', null, signal);
  }

  say(message: FromProxy): void {
    this.emit('message', message);
  }

  becomeReady(name: string): void {
    this.say({ kind: 'ready', listeners: [], admin: undefined, good: { config: configNamed(name), modules: {} }, notes: [] });
  }
}

class Stage {
  readonly proxies: FakeProxy[] = [];
  /** Of the next process; where nobody looks at it any number will do. */
  nextPid = NO_PROCESS;
  readonly said: string[] = [];
  readonly supervisor: Supervisor;

  constructor(t: TestContext, firstPid = NO_PROCESS) {
    this.nextPid = firstPid;
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const say = (event: string): void => void this.said.push(event);
    const log: EventLog = { info: say, warn: say, error: say };
    const options = startOptions({ listen: '127.0.0.1:0' }, {});
    assert.ok(typeof options === 'object');
    const forkProxy = (): ChildProcess => this.#fork() as unknown as ChildProcess;
    const launch = { firstProxy: forkProxy(), sources: SOURCES, forkProxy, readOwnSources: () => Promise.resolve(SOURCES) };
    this.supervisor = new Supervisor({ options, launch, log }, { onReady: () => {}, onFailed: () => {} });
    void this.supervisor.run();
  }

  /** The n-th process that was started. */
  proxy(n: number): FakeProxy {
    const proxy = this.proxies[n];
    assert.ok(proxy !== undefined, `process ${n} was started`);
    return proxy;
  }

  #fork(): FakeProxy {
    const proxy = new FakeProxy(this.nextPid);
    this.proxies.push(proxy);
    return proxy;
  }
}

test('a process that became ready while the supervisor itself stood still is not killed', async (t) => {
  const stage = new Stage(t);
  t.mock.timers.tick(READY_TIMEOUT_MS);
  stage.proxy(0).becomeReady('a');
  await turn();
  assert.equal(stage.proxy(0).connected, true);
});

test('when the old process dies during an upgrade and the new one is frozen, a third one serves', async (t) => {
  const stage = new Stage(t);
  stage.proxy(0).becomeReady('a');
  stage.supervisor.upgrade('SIGUSR2');
  stage.proxy(0).die('SIGKILL');
  t.mock.timers.tick(READY_TIMEOUT_MS);
  await turn();
  assert.equal(stage.proxies.length, 3);
  stage.proxy(2).becomeReady('a');
  assert.deepEqual(stage.said.slice(-2), ['hot upgrade failed, the old process serves on', 'proxy process is ready']);
});

test('a reload that is asked for while a process starts reaches it once it is ready', (t) => {
  const stage = new Stage(t);
  stage.supervisor.reload();
  assert.deepEqual(stage.proxy(0).told, []);
  stage.proxy(0).becomeReady('a');
  assert.deepEqual(stage.proxy(0).told, ['reload']);
  stage.proxy(0).die('SIGKILL');
  stage.supervisor.reload();
  stage.proxy(1).becomeReady('a');
  assert.deepEqual(stage.proxy(1).told, ['reload']);
});

test('a reload during an upgrade reaches the process that stays, whichever that is', (t) => {
  const stage = new Stage(t);
  stage.proxy(0).becomeReady('a');
  stage.supervisor.upgrade('SIGUSR2');
  stage.supervisor.reload();
  assert.deepEqual(stage.proxy(0).told, ['reload']);
  stage.proxy(1).becomeReady('a');
  assert.deepEqual(stage.proxy(1).told, ['reload']);
  stage.supervisor.upgrade('SIGUSR2');
  stage.proxy(2).becomeReady('a');
  assert.deepEqual(stage.proxy(2).told, []);
});

test('a reload that a process ends when it has a successor is not what runs after a death', async (t) => {
  const stage = new Stage(t);
  stage.proxy(0).becomeReady('a');
  stage.supervisor.upgrade('SIGUSR2');
  stage.proxy(1).becomeReady('new');
  stage.proxy(0).say({ kind: 'reloaded', listeners: [], good: { config: configNamed('old'), modules: {} } });
  stage.proxy(1).die('SIGKILL');
  await Promise.resolve();
  assert.deepEqual(Reflect.get(Object(stage.proxy(2).begun), 'lastGood'), { config: configNamed('new'), modules: {} });
});

test('a process that dies again and again is back within two seconds each time', async (t) => {
  const stage = new Stage(t);
  stage.proxy(0).becomeReady('a');
  for (let deaths = 0; deaths < 12; deaths++) {
    stage.proxy(deaths).die('SIGABRT');
    t.mock.timers.tick(2_000);
    await turn();
    stage.proxy(deaths + 1).becomeReady('a');
  }
});

test('a second signal kills a process that does not hear it, and a flood of them puts nothing off', (t) => {
  const stage = new Stage(t);
  stage.proxy(0).becomeReady('a');
  stage.supervisor.stop('SIGTERM');
  for (let ms = 0; ms <= KILL_MARGIN_MS; ms += 100) {
    stage.supervisor.stop('SIGTERM');
    t.mock.timers.tick(100);
  }
  assert.equal(stage.proxy(0).connected, false);
});

test('a process whose main thread stands still is replaced, once, by one that serves before it goes', async (t) => {
  const stage = new Stage(t);
  stage.proxy(0).becomeReady('a');
  for (let ms = 0; ms < 2 * STUCK_MS; ms += ALIVE_MS) {
    stage.proxy(0).say({ kind: 'alive' });
    t.mock.timers.tick(ALIVE_MS);
  }
  t.mock.timers.tick(STUCK_MS - 2 * ALIVE_MS);
  assert.equal(stage.proxies.length, 1);
  t.mock.timers.tick(2 * ALIVE_MS);
  await turn();
  assert.equal(stage.proxies.length, 2);
  t.mock.timers.tick(READY_TIMEOUT_MS - 2 * ALIVE_MS);
  assert.equal(stage.proxy(0).connected, true);
  stage.proxy(1).becomeReady('a');
  assert.deepEqual(stage.proxy(0).told, ['retire']);
  assert.equal(stage.proxies.length, 2);
});

test('one that does not find a successor is killed, and started again', async (t) => {
  const stage = new Stage(t);
  stage.proxy(0).becomeReady('a');
  stage.proxy(0).say({ kind: 'alive' });
  t.mock.timers.tick(STUCK_MS);
  stage.proxy(1).die('SIGKILL');
  t.mock.timers.tick(READY_TIMEOUT_MS);
  await turn();
  assert.equal(stage.proxy(0).connected, false);
  assert.equal(stage.proxies.length, 3);
});

test('a process that was stopped by a signal is not replaced, nor one that never said that it is alive', (t) => {
  const stopped = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.after(() => stopped.kill('SIGKILL'));
  stopped.kill('SIGSTOP');
  const stage = new Stage(t, stopped.pid);
  stage.proxy(0).becomeReady('a');
  t.mock.timers.tick(2 * STUCK_MS);
  stage.proxy(0).say({ kind: 'alive' });
  t.mock.timers.tick(2 * STUCK_MS);
  assert.equal(stage.proxies.length, 1);
  stopped.kill('SIGCONT');
});
