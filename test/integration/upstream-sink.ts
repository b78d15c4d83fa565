import assert from 'node:assert/strict';
import { balanceSchema, compileBalance } from '../../src/config/balance-schema.ts';
import type { TestContext } from 'node:test';
import { LoopClock } from '../../src/base/clock.ts';
import type { UpstreamConfig } from '../../src/config/types.ts';
import type { ResponseHead } from '../../src/http/response-head.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { createEndpointMemory } from '../../src/upstream/endpoint-memory.ts';
import type { HostLimits } from '../../src/upstream/host-limits.ts';
import type { UpstreamFailure } from '../../src/upstream/failure.ts';
import type { Pool } from '../../src/upstream/pool.ts';
import type { Loan, RequestBody, UpstreamConnection, UpstreamSink } from '../../src/upstream/sink.ts';
import type { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';

export const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

export type SinkOptions = {
  head?: string;
  body?: RequestBody;
  isHead?: boolean;
  /** Called right after `send`. */
  onSent?: (connection: UpstreamConnection) => void;
  onBody?: (sink: TestSink, bytes: Buffer) => Loan;
  onHead?: (sink: TestSink) => void;
};

/** Keeps what happens as words in order, and fails loudly on a call after the end. */
export class TestSink implements UpstreamSink {
  readonly events: string[] = [];
  body = '';
  bytes = 0;
  reason = '';
  failure: UpstreamFailure | undefined;
  isOver = false;
  drains = 0;
  wasReused = false;
  connection: UpstreamConnection | undefined;
  readonly #options: SinkOptions;

  constructor(options: SinkOptions = {}) {
    this.#options = options;
  }

  onUpstreamConnection(connection: UpstreamConnection): void {
    this.#note('connection');
    this.connection = connection;
    this.wasReused = connection.isReused;
    connection.send(this.#options.head ?? GET, this.#options.body ?? 'none', this.#options.isHead ?? false);
    this.#options.onSent?.(connection);
  }

  onUpstreamInformational(head: ResponseHead): void {
    this.#note(`informational ${head.status}`);
  }

  onUpstreamHead(head: ResponseHead, bodyLength: number): void {
    this.#note(`head ${head.status} ${bodyLength}`);
    this.#options.onHead?.(this);
  }

  onUpstreamBody(bytes: Buffer): Loan {
    if (this.events.at(-1) !== 'body') this.#note('body');
    this.bytes += bytes.length;
    if (this.#options.onBody !== undefined) return this.#options.onBody(this, bytes);
    this.body += bytes.toString('latin1');
    return 'released';
  }

  onUpstreamPause(): void {}

  onUpstreamEnd(): void {
    this.#note('end');
    this.isOver = true;
  }

  onUpstreamFail(failure: UpstreamFailure): void {
    this.#note(`fail ${failure.kind} ${failure.stage}${failure.isReused ? ' reused' : ''}`);
    this.failure = failure;
    this.isOver = true;
  }

  onUpstreamDrain(): void {
    if (this.isOver) throw new Error('drain after the end');
    this.drains++;
  }

  over(): Promise<this> {
    return waitFor(`the attempt to be over; so far: ${this.events.join(', ')}`, () => (this.isOver ? this : undefined));
  }

  #note(event: string): void {
    if (this.isOver) throw new Error(`${event} after ${this.events.join(', ')}`);
    this.events.push(event);
  }
}

export type Overrides = { [K in keyof UpstreamConfig]?: Partial<UpstreamConfig[K]> };

/** A cluster with one endpoint on loopback, whose settings a test overrides; swept as by a worker. */
export class TestUpstream {
  readonly clock = new LoopClock();
  readonly cluster: Cluster;
  readonly pool: Pool;
  readonly #timer: NodeJS.Timeout;

  constructor(port: number, overrides: Overrides = {}, limits: HostLimits | null = null) {
    const base: UpstreamConfig = {
      name: 'test',
      endpoints: [{ url: '', host: '127.0.0.1', port, weight: 1, priority: 0, zone: '' }],
      zone: '',
      balance: compileBalance(balanceSchema.parse({})),
      sticky: undefined,
      forwardCredentials: false,
      host: 'client',
      pool: { maxConnections: 8, maxPending: 8, pendingTimeoutMs: 5000, maxRequests: 0, idleTimeoutMs: 60_000, pipelining: 1 },
      timeouts: { connectMs: 5000, tryMs: 0, responseMs: 5000, idleMs: 5000, totalMs: 0 },
      minRateBytesPerSec: 0,
      minRateAfterMs: 0,
      maxHeadBytes: 8192,
      maxFields: 20,
      adaptive: undefined,
      breaker: undefined,
      resources: undefined,
      extraLoad: undefined,
      health: undefined,
      retry: undefined,
      hedge: undefined,
      deadline: undefined,
      discovery: undefined,
    };
    this.cluster = new Cluster(
      {
        ...base,
        ...overrides,
        pool: { ...base.pool, ...overrides.pool },
        timeouts: { ...base.timeouts, ...overrides.timeouts },
      } as UpstreamConfig,
      this.clock,
      limits === null
        ? null
        : { memory: createEndpointMemory(1), worker: 0, serviceSlot: 0, endpoints: [{ ...base.endpoints[0]!, slot: 1 }], limits },
    );
    const [target] = this.cluster.targets;
    assert.ok(target);
    this.pool = target.pool;
    this.#timer = setInterval(() => this.cluster.sweep(this.clock.refresh()), 10);
  }

  request(options: SinkOptions = {}, isPipelinable = false): TestSink {
    const sink = new TestSink(options);
    this.pool.request(sink, isPipelinable);
    return sink;
  }

  fresh(options: SinkOptions = {}): TestSink {
    const sink = new TestSink(options);
    this.pool.requestFresh(sink);
    return sink;
  }

  close(): void {
    clearInterval(this.#timer);
    this.cluster.close();
  }
}

/** For one test: closed together with its origin, however the test ends. */
export function testUpstream(t: TestContext, origin: RawOrigin, overrides: Overrides = {}, limits: HostLimits | null = null): TestUpstream {
  const upstream = new TestUpstream(origin.port, overrides, limits);
  t.after(async () => {
    upstream.close();
    await origin.close();
  });
  return upstream;
}
