// One gateway and one listener in this very thread, without coordinator or supervisor: for profilers.
// Usage: node --cpu-prof scripts/micro/single.ts PORT ORIGIN_URL [node|uws] [pipelining]
import { randomBytes } from 'node:crypto';
import { LoopClock } from '../../src/base/clock.ts';
import { quickConfig } from '../../src/config/quick.ts';
import { openNodeListener } from '../../src/edge/node-listener.ts';
import { Gateway } from '../../src/exchange/gateway.ts';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../src/observe/registry.ts';

const [port = '9320', origin = 'http://127.0.0.1:9000', engine = 'node', pipelining = '1'] = process.argv.slice(2);
const quick = quickConfig({ to: origin, listen: `127.0.0.1:${port}` });
const config = {
  ...quick,
  listeners: quick.listeners.map((listener) => ({ ...listener, engine: engine === 'uws' ? ('uws' as const) : ('node' as const) })),
  upstreams: quick.upstreams.map((upstream) => ({ ...upstream, pool: { ...upstream.pool, pipelining: Number(pipelining) } })),
};
const registry = new MetricRegistry(16_384);
const metrics = new MetricsWriter(new Float64Array(16_384), registry.plan(config));
const clock = new LoopClock();
const reportError = (where: string, error: unknown): void => console.error(where, error);
const gateway = new Gateway({ clock, workerIndex: 0, accessLog: undefined, reportError, idSeed: randomBytes(8), runToken: 'bench' });
gateway.load(config, metrics, new Map());
const listener = config.listeners[0];
if (listener === undefined) throw new Error('quickConfig gives a listener');
const open = engine === 'uws' ? (await import('../../src/edge/uws-listener.ts')).openUwsListener : openNodeListener;
const opened = await open(listener, gateway, { reusePort: false });
setInterval(() => {
  const nowMs = clock.refresh();
  gateway.sweep(nowMs);
  opened.sweep(nowMs);
}, 50);
process.on('SIGTERM', () => process.exit(0));
console.log('ready', opened.port);
