import * as hdr from 'hdr-histogram-js';
import { parentPort, workerData } from 'node:worker_threads';
import { RateConnection } from './rate-connection.ts';
import type { LatencySummary, RateMessage, RatePlan, RateResult } from './rate-plan.ts';

/**
 * The constant-rate generator, one thread. Request n is due at `start + n × interval` whatever the proxy does (an open loop), and
 * its latency runs from that moment: nothing is left out while the proxy stalls, and nothing is corrected by estimate.
 */

const MAX_US = 120_000_000;
const PROGRESS_MS = 250;
const GRACE_MS = 5000;
const CURVE = [0, 10, 25, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97.5, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99, 100] as const;

/** One thread cannot wait for sockets and for a fraction of a millisecond at once: it naps on a cell that nobody wakes. */
const NAP = new Int32Array(new SharedArrayBuffer(4));
const NAP_MS = 0.001;

function newHistogram(): hdr.Histogram {
  return hdr.build({ useWebAssembly: true, lowestDiscernibleValue: 1, highestTrackableValue: MAX_US, numberOfSignificantValueDigits: 3 });
}

function record(histogram: hdr.Histogram, ms: number): void {
  histogram.recordValue(Math.min(MAX_US, Math.max(1, Math.round(ms * 1000))));
}

function summaryOf(histogram: hdr.Histogram): LatencySummary {
  const count = histogram.totalCount;
  const at = (percentile: number): number => (count === 0 ? 0 : histogram.getValueAtPercentile(percentile));
  const summary = {
    count,
    meanUs: count === 0 ? 0 : Math.round(histogram.mean),
    p50Us: at(50),
    p90Us: at(90),
    p99Us: at(99),
    p999Us: at(99.9),
    maxUs: count === 0 ? 0 : histogram.maxValue,
    curve: CURVE.map((percentile) => [percentile, at(percentile)] as const),
  };
  histogram.destroy();
  return summary;
}

class Generator {
  readonly plan: RatePlan;
  readonly bytes: Buffer;
  readonly intervalMs: number;
  readonly total: number;
  /** Requests below this number only warm up. */
  readonly firstMeasured: number;
  readonly free: RateConnection[] = [];
  readonly busy = new Set<RateConnection>();
  readonly latency = newHistogram();
  readonly service = newHistogram();
  readonly lag = newHistogram();
  startMs = 0;
  sent = 0;
  answered = 0;
  errors = 0;
  firstError: string | undefined;
  lastAnswerMs = 0;
  nextProgressMs = 0;
  /** Since when requests have been due without a free connection; the lag of those is the proxy's, not ours. */
  isStarved = false;

  constructor(plan: RatePlan) {
    this.plan = plan;
    this.bytes = Buffer.concat([Buffer.from(plan.head, 'latin1'), Buffer.alloc(plan.bodyBytes, 'a')]);
    this.intervalMs = 1000 / plan.ratePerSec;
    this.firstMeasured = Math.round(plan.warmupMs / this.intervalMs);
    this.total = this.firstMeasured + Math.round(plan.durationMs / this.intervalMs);
  }

  start(): void {
    for (let i = 0; i < this.plan.connections; i += 1) this.addConnection();
    this.startMs = performance.now() + 100;
    this.nextProgressMs = this.startMs;
    setImmediate(this.turn);
  }

  addConnection(): void {
    this.free.push(new RateConnection({ host: this.plan.host, port: this.plan.port }, this));
  }

  readonly turn = (): void => {
    const nowMs = performance.now();
    this.sendDue(nowMs);
    if (nowMs >= this.nextProgressMs) this.report(nowMs);
    if (this.isOver(nowMs)) {
      this.finish(nowMs);
      return;
    }
    if (this.plan.pacing === 'yield' && this.startMs + (this.sent + 1) * this.intervalMs - nowMs > 0) Atomics.wait(NAP, 0, 0, NAP_MS);
    setImmediate(this.turn);
  };

  sendDue(nowMs: number): void {
    while (this.sent < this.total) {
      const intendedMs = this.startMs + this.sent * this.intervalMs;
      if (intendedMs > nowMs) return;
      const connection = this.free.pop();
      if (connection === undefined) {
        this.isStarved = true;
        return;
      }
      this.sendOn(connection, intendedMs);
    }
  }

  sendOn(connection: RateConnection, intendedMs: number): void {
    const sentMs = performance.now();
    connection.request = this.sent;
    connection.intendedMs = intendedMs;
    connection.sentMs = sentMs;
    if (this.sent >= this.firstMeasured && !this.isStarved) record(this.lag, sentMs - intendedMs);
    // Once the backlog is worked off, the next request is late by our own doing again.
    if (sentMs - intendedMs < this.intervalMs) this.isStarved = false;
    this.sent += 1;
    this.busy.add(connection);
    connection.send(this.bytes);
  }

  onAnswer(connection: RateConnection): void {
    const nowMs = performance.now();
    this.answered += 1;
    this.lastAnswerMs = nowMs;
    if (connection.request >= this.firstMeasured) {
      record(this.latency, nowMs - connection.intendedMs);
      record(this.service, nowMs - connection.sentMs);
    }
    connection.request = -1;
    this.busy.delete(connection);
    this.free.push(connection);
    if (this.isStarved) this.sendDue(nowMs);
  }

  onBroken(connection: RateConnection, why: string): void {
    const at = this.free.indexOf(connection);
    if (at !== -1) this.free.splice(at, 1);
    if (this.busy.delete(connection)) {
      this.errors += 1;
      this.firstError ??= why;
      if (connection.request >= this.firstMeasured) record(this.latency, performance.now() - connection.intendedMs);
    }
    // A server may close an idle connection; but never spin on one that refuses us.
    if (this.sent < this.total && this.errors < this.plan.connections * 10) setTimeout(() => this.addConnection(), 5);
  }

  isOver(nowMs: number): boolean {
    if (this.sent === this.total && this.busy.size === 0) return true;
    return nowMs > this.startMs + this.total * this.intervalMs + GRACE_MS;
  }

  report(nowMs: number): void {
    this.nextProgressMs = nowMs + PROGRESS_MS;
    post({ kind: 'progress', sent: this.sent, answered: this.answered, isWarmup: this.sent < this.firstMeasured });
  }

  finish(nowMs: number): void {
    this.errors += this.total - this.sent;
    for (const connection of this.busy) this.onBroken(connection, 'no answer in time');
    for (const connection of this.free.splice(0)) connection.socket.destroy();
    const measuredMs = Math.max(1, (this.lastAnswerMs || nowMs) - (this.startMs + this.plan.warmupMs));
    const latency = summaryOf(this.latency);
    const result: RateResult = {
      ratePerSec: this.plan.ratePerSec,
      achievedPerSec: (latency.count * 1000) / measuredMs,
      latency,
      service: summaryOf(this.service),
      lag: summaryOf(this.lag),
      errors: this.errors,
      firstError: this.firstError ?? (this.errors > 0 ? 'requests that never found a free connection' : undefined),
    };
    post({ kind: 'done', result });
  }
}

function post(message: RateMessage): void {
  parentPort?.postMessage(message);
}

await hdr.initWebAssembly();
// What arrives is what `rate.ts` posted, in this same programme.
const plan: RatePlan = workerData;
new Generator(plan).start();
