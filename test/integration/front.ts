import type { TestContext } from 'node:test';
import { LoopClock } from '../../src/base/clock.ts';
import { parseConfigObject } from '../../src/config/load.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import type { Engine, GatewayConfig, ListenerConfig } from '../../src/config/types.ts';
import type { Listener } from '../../src/edge/listener.ts';
import { openNodeListener } from '../../src/edge/node-listener.ts';
import { openUwsListener } from '../../src/edge/uws-listener.ts';
import { Gateway } from '../../src/exchange/gateway.ts';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../src/observe/registry.ts';
import { RawOrigin } from '../harness/raw-origin.ts';

const SWEEP_MS = 20;

export type FrontOptions = {
  readonly listener?: Partial<ListenerConfig>;
  readonly limits?: Partial<ListenerConfig['limits']>;
  readonly timeouts?: Partial<ListenerConfig['timeouts']>;
  readonly upstream?: Record<string, unknown>;
  readonly route?: Record<string, unknown>;
  readonly routes?: readonly Record<string, unknown>[];
};

export type Front = {
  readonly engine: Engine;
  readonly port: number;
  readonly listener: Listener;
  readonly gateway: Gateway;
  /** What went wrong inside and was caught. */
  readonly errors: readonly unknown[];
  /** Sum over all label sets of a metric whose key contains `text`. */
  readonly counted: (name: string, text?: string) => number;
};

export function frontConfig(engine: Engine, originPort: number, options: FrontOptions = {}): GatewayConfig {
  const route = { name: 'all', match: { path: '/*' }, upstream: 'origin', ...options.route };
  // Test data goes through the checks of the schema, whatever its static type.
  const input = {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', engine }],
    upstreams: { origin: { endpoints: [`http://127.0.0.1:${originPort}`], ...options.upstream } },
    routes: options.routes ?? [route],
  } as unknown as ConfigInput;
  const result = parseConfigObject(input, { fileName: 'test', env: {} });
  if (result.kind !== 'ok') throw new Error(result.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  const { config } = result;
  const [listener] = config.listeners;
  if (listener === undefined) throw new Error('no listener');
  const changed: ListenerConfig = {
    ...listener,
    ...options.listener,
    limits: { ...listener.limits, ...options.limits },
    timeouts: { ...listener.timeouts, ...options.timeouts },
  };
  return { ...config, listeners: [changed] };
}

export function makeGateway(config: GatewayConfig, errors: unknown[]): { gateway: Gateway; clock: LoopClock; counted: Front['counted'] } {
  const registry = new MetricRegistry();
  const plan = registry.plan(config);
  const block = new Float64Array(registry.maxCells);
  const clock = new LoopClock();
  const gateway = new Gateway({
    clock,
    workerIndex: 0,
    accessLog: undefined,
    reportError: (where, error) => errors.push(new Error(where, { cause: error })),
    idSeed: Buffer.from('seed-of-tests'),
    runToken: 'test-run',
  });
  gateway.load(config, new MetricsWriter(block, plan), new Map());
  const counted = (name: string, text = ''): number => {
    let sum = 0;
    for (const { row, values, slot } of registry.series) if (row.name === name && values.join(' ').includes(text)) sum += block[slot] ?? 0;
    return sum;
  };
  return { gateway, clock, counted };
}

/** A whole worker in this thread: gateway and one listener, swept as a worker would. Closed after the test. */
export async function openFront(t: TestContext, engine: Engine, originPort: number, options: FrontOptions = {}): Promise<Front> {
  const config = frontConfig(engine, originPort, options);
  const errors: unknown[] = [];
  const { gateway, clock, counted } = makeGateway(config, errors);
  const [listenerConfig] = config.listeners;
  if (listenerConfig === undefined) throw new Error('no listener');
  const open = engine === 'node' ? openNodeListener : openUwsListener;
  const listener = await open(listenerConfig, gateway, { reusePort: false });
  const timer = setInterval(() => {
    const nowMs = clock.refresh();
    gateway.sweep(nowMs);
    listener.sweep(nowMs);
  }, SWEEP_MS);
  t.after(() => {
    clearInterval(timer);
    listener.destroy();
    gateway.close();
    if (errors.length > 0) throw new AggregateError(errors, `inside: ${String(errors[0])}`);
  });
  return { engine, port: listener.port, listener, gateway, errors, counted };
}

/** A front with an origin behind it, which is closed last. */
export async function openPair(
  t: TestContext,
  engine: Engine,
  answer?: Parameters<typeof RawOrigin.answering>[0],
  options: FrontOptions = {},
): Promise<{ front: Front; origin: RawOrigin }> {
  const origin = await RawOrigin.answering(answer);
  const front = await openFront(t, engine, origin.port, options);
  t.after(() => origin.close());
  return { front, origin };
}
