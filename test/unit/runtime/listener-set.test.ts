import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListenerConfig } from '../../../src/config/types.ts';
import type { Listener } from '../../../src/edge/listener.ts';
import { ListenerSet } from '../../../src/runtime/listener-set.ts';
import { waitFor } from '../../harness/wait-for.ts';

class FakeListener implements Listener {
  readonly config: ListenerConfig;
  readonly port: number;
  connections = 0;
  readonly calls: string[] = [];
  constructor(config: ListenerConfig) {
    this.config = config;
    this.port = config.address.port;
  }
  async stopAccepting(): Promise<void> {
    this.calls.push('stop');
  }
  beginDrain(): void {
    this.calls.push('last answers');
  }
  drain(): void {
    this.calls.push('drain');
    this.connections = 0;
  }
  sweep(): void {}
  destroy(): void {
    this.calls.push('destroy');
  }
}

function configOf(name: string, port: number, maxFields = 100): ListenerConfig {
  return {
    name,
    address: { host: '127.0.0.1', port },
    engine: 'node',
    trustedProxies: [],
    limits: { maxHeadBytes: 1, maxTargetBytes: 1, maxFields, maxConnections: 1 },
    timeouts: { headMs: 1, keepAliveMs: 1, idleMs: 1 },
    minRateBytesPerSec: 0,
    minRateAfterMs: 0,
    backlog: 1,
  };
}

function setUp(failOn?: string): { readonly set: ListenerSet; readonly opened: FakeListener[] } {
  const opened: FakeListener[] = [];
  const open = async (config: ListenerConfig): Promise<Listener> => {
    if (config.name === failOn) throw new Error('EADDRINUSE');
    const listener = new FakeListener(config);
    opened.push(listener);
    return listener;
  };
  const report = (where: string, error: unknown): void => assert.fail(`${where}: ${error}`);
  return { set: new ListenerSet(open, report), opened };
}

test('what did not change is left alone, what changed opens before the old one stops, what went is closed', async () => {
  const { set, opened } = setUp();
  await set.apply([configOf('a', 1), configOf('b', 2), configOf('c', 3)], 0);
  await set.apply([configOf('a', 1), configOf('b', 2, 50)], 0);
  const [a, b, c, newB] = opened;
  assert.deepEqual(a?.calls, []);
  assert.equal(newB?.config.name, 'b');
  await waitFor('the old ones are closed', () => b?.calls.includes('destroy') === true && c?.calls.includes('destroy') === true);
  assert.deepEqual(b?.calls, ['stop', 'last answers', 'drain', 'destroy']);
  assert.deepEqual(
    set.listeners.map(({ name, port }) => [name, port]),
    [
      ['a', 1],
      ['b', 2],
    ],
  );
});

test('when one does not open, nothing has changed', async () => {
  const { set, opened } = setUp('bad');
  await set.apply([configOf('a', 1)], 0);
  await assert.rejects(set.apply([configOf('b', 2), configOf('bad', 3)], 0), /EADDRINUSE/);
  const [a, b] = opened;
  assert.deepEqual(a?.calls, []);
  assert.deepEqual(b?.calls, ['stop', 'destroy']);
  assert.deepEqual(
    set.listeners.map(({ name }) => name),
    ['a'],
  );
});

test('a drain waits for connections that leave by themselves before it closes the idle ones', async () => {
  const { set, opened } = setUp();
  await set.apply([configOf('a', 1)], 0);
  const [a] = opened;
  assert.ok(a !== undefined);
  a.connections = 1;
  const draining = set.drain(5_000);
  assert.deepEqual(a.calls, []);
  a.connections = 0;
  await draining;
  assert.deepEqual(a.calls, ['drain']);
});
