import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Subject } from '../scripts/bench/subject.ts';
import { openLoad, percentile } from './open-load.ts';
import { alternate, type Round, type Section } from './section.ts';
import { ALL_CPUS, pinnedPlace, type Setting } from './setting.ts';
import type { SlowOriginOrder, SlowOriginReady, SlowOriginStart } from './slow-origin.ts';
import { type SubjectPlan, startSubject } from './subjects.ts';

const SERVERS = 16;
const FAST_MS = 30;
const SLOW_MS = 300;
/** One and a half times what the origin can do, and fifteen times once it has become slow. */
const RATE_PER_SEC = (1.5 * SERVERS * 1000) / FAST_MS;
/** The slow part is as long as four measurements, so that the change itself is a part of it and not the whole. */
const SLOW_PARTS = 4;
/** Of the origin by itself: a third of its capacity. */
const LIGHT_SHARE = 1 / 3;

const METRICS = [
  'fast p99 ms',
  'fast p99 / own',
  'fast goodput',
  'slow p99 ms',
  'slow p99 / own',
  'slow goodput',
  'lag p99 ms',
  'shed',
  'broken',
].map((name) => ({ name, hasRatio: false }));

function plan(name: string, upstream: string): SubjectPlan {
  return { kind: 'sluice', engine: 'node', pipelining: 1, name, extras: { upstream } };
}

class SlowOrigin {
  readonly port: number;
  readonly #thread: Worker;

  private constructor(thread: Worker, port: number) {
    this.#thread = thread;
    this.port = port;
  }

  static async open(): Promise<SlowOrigin> {
    const start: SlowOriginStart = { servers: SERVERS, serviceMs: FAST_MS };
    const thread = new Worker(new URL('./slow-origin.ts', import.meta.url), { workerData: start });
    const [ready]: SlowOriginReady[] = await once(thread, 'message');
    return new SlowOrigin(thread, ready?.port ?? 0);
  }

  take(serviceMs: number): void {
    const order: SlowOriginOrder = { serviceMs };
    this.#thread.postMessage(order);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** The 99th percentile of the origin without a queue, asked directly. */
async function ownP99(origin: SlowOrigin, serviceMs: number, seconds: number): Promise<number> {
  origin.take(serviceMs);
  const light = (durationMs: number) => openLoad({ port: origin.port, ratePerSec: (LIGHT_SHARE * SERVERS * 1000) / serviceMs, durationMs });
  await light(500);
  return percentile((await light(seconds * 1000)).timesMs, 0.99);
}

async function measure(subject: Subject, origin: SlowOrigin, seconds: number): Promise<Round> {
  const own = { fast: await ownP99(origin, FAST_MS, 2), slow: await ownP99(origin, SLOW_MS, 5) };
  origin.take(FAST_MS);
  // What it finds out at the start is not what is asked here.
  const overload = (durationMs: number) => openLoad({ port: subject.port, ratePerSec: RATE_PER_SEC, durationMs });
  await overload(2000);
  const fast = await overload(seconds * 1000);
  origin.take(SLOW_MS);
  const slow = await overload(seconds * SLOW_PARTS * 1000);
  const [fastMs, slowMs] = [percentile(fast.timesMs, 0.99), percentile(slow.timesMs, 0.99)];
  return {
    'fast p99 ms': fastMs,
    'fast p99 / own': fastMs / own.fast,
    'fast goodput': (fast.goodPerSec * FAST_MS) / (SERVERS * 1000),
    'slow p99 ms': slowMs,
    'slow p99 / own': slowMs / own.slow,
    'slow goodput': (slow.goodPerSec * SLOW_MS) / (SERVERS * 1000),
    'lag p99 ms': Math.max(percentile(fast.lagsMs, 0.99), percentile(slow.lagsMs, 0.99)),
    shed: fast.shed + slow.shed,
    broken: fast.broken + slow.broken,
  };
}

/** An origin that becomes ten times slower under constant overload: what becomes of those that are let through, and of what the origin can do. */
export async function measureAdaptive(setting: Setting): Promise<Section> {
  const origin = await SlowOrigin.open();
  const place = { ...pinnedPlace(setting), workers: 2, cpus: ALL_CPUS, originPort: origin.port };
  const plans = [plan('sluice-adaptive', 'adaptive: true'), plan('sluice', 'timeouts: { response: 15s }')];
  const done = await alternate(plans, setting.options.rounds, async (one) => {
    // Each round anew: what a limit has learned must not help it, and what waits must not be left to the next.
    const subject = await startSubject(one, place);
    place.configurations.set(subject.name, { version: subject.version, configText: subject.configText });
    try {
      return await measure(subject, origin, setting.options.seconds);
    } finally {
      await subject.started.stop();
    }
  });
  await origin.close();
  return {
    id: 'adaptive',
    title: 'An origin that becomes ten times slower under constant overload',
    how:
      `The origin works on ${SERVERS} requests at once, each for ${FAST_MS} ms and later ${SLOW_MS} ms in the mean (half to one and a half of it); ` +
      `${RATE_PER_SEC} requests a second in an open loop, two workers. p99: of answers with 200; \`lag\`: how late the generator was, by which the machine was not quiet; \`own\`: the ` +
      "origin's p99 at a third of its capacity, asked directly. Goodput: answers with 200 as a share of what the origin can do. The slow part begins with the change and " +
      `is ${SLOW_PARTS} times as long as the fast one. Without a limit the pool holds the queue (256 connections and 1024 that wait, on each worker).`,
    metrics: METRICS,
    measured: done.measured,
    skipped: done.skipped,
    pairs: [],
  };
}
