import type { TestContext } from 'node:test';
import { LoopClock } from '../../src/base/clock.ts';
import { parseConfigObject } from '../../src/config/load.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import type { GatewayConfig } from '../../src/config/types.ts';
import type { Listener } from '../../src/edge/listener.ts';
import { openNodeListener } from '../../src/edge/node-listener.ts';
import { openUwsListener } from '../../src/edge/uws-listener.ts';
import type { CachingServices } from '../../src/exchange/caching.ts';
import type { LimitingServices } from '../../src/exchange/limiting.ts';
import type { Filter } from '../../src/exchange/filters.ts';
import type { IdempotencyRecords } from '../../src/exchange/idempotency-records.ts';
import { Gateway } from '../../src/exchange/gateway.ts';
import { ACCESS_LOG_DEFAULTS, AccessLog } from '../../src/observe/access-log.ts';
import { LineEventLog } from '../../src/observe/log.ts';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../src/observe/registry.ts';
import { DRIVERS } from '../../src/runtime/upstream-drivers.ts';
import { UpstreamHost } from '../../src/runtime/upstream-host.ts';
import { ConcurrencyTable } from '../../src/shm/concurrency-table.ts';
import { HostLimitMaker } from '../../src/upstream/host-limits.ts';
import { EndpointMemory } from '../../src/upstream/endpoint-memory.ts';
import { waitFor } from '../harness/wait-for.ts';

const SWEEP_MS = 10;
const MAX_WORKERS = 4;

export type LogLine = Readonly<Record<string, string | number>>;

/** A whole worker in this thread, made of a configuration as a user writes it. */
export type ConfiguredFront = {
  readonly port: number;
  readonly listener: Listener;
  readonly gateway: Gateway;
  /** The coordinator's side of upstreams with state. */
  readonly hosts: UpstreamHost;
  /** Puts another configuration in force, with the listener that there is. */
  readonly reload: (input: object) => void;
  /** Its event log, a line an event. */
  readonly told: readonly string[];
  /** What went wrong inside and was told; a test that expects some empties it. */
  readonly errors: Error[];
  /** Access log so far, one record an exchange. */
  readonly log: readonly LogLine[];
  /** The record of the n-th exchange to end, as soon as it is written. */
  readonly logged: (index: number) => Promise<LogLine>;
  /** Sum over all label sets of a metric that have all the words of `labels`. */
  readonly counted: (name: string, ...labels: readonly string[]) => number;
};

export type ConfiguredOptions = {
  /** By the module path that the configuration names. */
  readonly filters?: Readonly<Record<string, Filter>>;
  /** Needed where a route caches. */
  readonly caching?: CachingServices;
  /** Needed where a route has limits. */
  readonly limiting?: LimitingServices;
  /** Needed where a route has idempotency keys. */
  readonly records?: IdempotencyRecords;
  /** Another worker of the same host, which knows of the upstreams what this one knows; its index, from 1. */
  readonly beside?: { readonly front: ConfiguredFront; readonly worker: number };
};

export function checkedConfig(input: object): GatewayConfig {
  // Test data goes through the checks of the schema, whatever its static type.
  const result = parseConfigObject(input as ConfigInput, { fileName: 'test', env: {} });
  if (result.kind !== 'ok') throw new Error(result.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  return result.config;
}

/** Opens the first listener of a configuration; `listeners` may be left out. Closed after the test, which fails if something was told. */
export async function openConfigured(t: TestContext, input: object, options: ConfiguredOptions = {}): Promise<ConfiguredFront> {
  const whole = (given: object): GatewayConfig =>
    checkedConfig({ listeners: [{ name: 'web', listen: '127.0.0.1:0' }], accessLog: true, ...given });
  const config = whole(input);
  const [listenerConfig] = config.listeners;
  if (listenerConfig === undefined) throw new Error('no listener');
  const worker = options.beside?.worker ?? 0;
  const errors: Error[] = [];
  const log: LogLine[] = [];
  const registry = new MetricRegistry();
  const block = new Float64Array(registry.maxCells);
  const clock = new LoopClock();
  const accessLog = new AccessLog((chunk) => take(chunk), { ...ACCESS_LOG_DEFAULTS, onDrop: () => {}, schedule: setImmediate });
  const take = (chunk: Uint8Array): void => {
    for (const line of Buffer.from(chunk).toString('latin1').trimEnd().split('\n')) log.push(JSON.parse(line));
    accessLog.onWritten(chunk);
  };
  const gateway = new Gateway({
    clock,
    workerIndex: worker,
    accessLog,
    reportError: (where, error) => errors.push(new Error(where, { cause: error })),
    idSeed: Buffer.from('seed-of-tests'),
    runToken: 'test-run',
    records: options.records,
  });
  const told: string[] = [];
  const hosts =
    options.beside?.front.hosts ??
    new UpstreamHost({
      slots: MAX_WORKERS,
      log: new LineEventLog((line) => told.push(line), Date.now),
      drivers: DRIVERS,
      onEndpoints: (upstream, endpoints) => gateway.upstreams.setEndpoints(upstream, endpoints),
    });
  const filters = new Map(Object.entries(options.filters ?? {}));
  const put = (next: GatewayConfig): void => {
    const segment = hosts.prepare(next);
    const limits = segment?.limits === undefined ? null : new HostLimitMaker(new ConcurrencyTable(segment.limits, worker));
    const upstreams = segment === undefined ? undefined : { ...segment, memory: new EndpointMemory(segment), worker, limits };
    gateway.load(next, new MetricsWriter(block, registry.plan(next)), filters, options.caching, options.limiting, upstreams);
    if (options.beside === undefined) hosts.settle(next);
  };
  put(config);
  const open = listenerConfig.engine === 'node' ? openNodeListener : openUwsListener;
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
    if (options.beside === undefined) hosts.close();
    if (errors.length > 0) throw new AggregateError(errors, `inside: ${String(errors[0])}: ${String(errors[0]?.cause)}`);
  });
  const counted = (name: string, ...labels: readonly string[]): number => {
    let sum = 0;
    for (const { row, values, slot } of registry.series) {
      if (row.name === name && labels.every((label) => values.includes(label))) sum += block[slot] ?? 0;
    }
    return sum;
  };
  const logged = (index: number): Promise<LogLine> => waitFor(`record ${index} of the access log`, () => log[index]);
  const reload = (given: object): void => put(whole(given));
  return { port: listener.port, listener, gateway, hosts, reload, told, errors, log, logged, counted };
}
