import { LoopClock } from '../../../src/base/clock.ts';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';
import type { AnswerFraming, ClientPort } from '../../../src/exchange/client-port.ts';
import type { Exchange } from '../../../src/exchange/exchange.ts';
import type { Filter } from '../../../src/exchange/filters.ts';
import { Gateway } from '../../../src/exchange/gateway.ts';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import { parseRequestHead } from '../../../src/http/request-head.ts';
import { parseResponseHead, ResponseHead } from '../../../src/http/response-head.ts';
import { ACCESS_LOG_DEFAULTS, AccessLog } from '../../../src/observe/access-log.ts';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../../src/observe/registry.ts';
import type { FailureKind, FailureStage } from '../../../src/upstream/failure.ts';
import type { Loan, RequestBody, UpstreamConnection, UpstreamSink } from '../../../src/upstream/sink.ts';

/** A client that notes what it is told, and complains of calls after the end. */
export class FakeClient implements ClientPort {
  readonly remoteAddress = '192.0.2.7';
  readonly remotePort = 40_000;
  readonly localPort = 8080;
  canInform = true;
  isFull = false;
  /** What was called, in order; `head 200 OK`, `body abc`. */
  readonly calls: string[] = [];
  block = '';
  framing: AnswerFraming = { kind: 'none' };
  lengthWhenNone = -1;
  isOver = false;

  writeHead(status: string, block: string, framing: AnswerFraming, lengthWhenNone: number): void {
    this.note(`head ${status}`);
    this.block = block;
    this.framing = framing;
    this.lengthWhenNone = lengthWhenNone;
  }
  writeBody(bytes: Buffer): Loan {
    this.note(`body ${bytes.toString('latin1')}`);
    return 'released';
  }
  writeBodyText(text: string): void {
    this.note(`body ${text}`);
  }
  lendBody(bytes: Buffer): Loan {
    return this.writeBody(bytes);
  }
  writeOut(): void {
    this.note('out');
  }
  finish(): void {
    this.note('finish');
    this.isOver = true;
  }
  cut(): void {
    this.note('cut');
    this.isOver = true;
  }
  writeInformational(status: string): void {
    this.note(`interim ${status}`);
  }
  pauseBody(): void {
    this.note('pause');
  }
  resumeBody(): void {
    this.note('resume');
  }
  closeAfter(): void {
    this.note('close after');
  }

  private note(call: string): void {
    if (this.isOver) throw new Error(`${call} after the end`);
    this.calls.push(call);
  }
}

/** An upstream connection in the hands of the test. */
export class FakeConnection implements UpstreamConnection {
  readonly isReused: boolean;
  readonly sink: UpstreamSink;
  isFull = false;
  head = '';
  readonly calls: string[] = [];

  constructor(sink: UpstreamSink, isReused: boolean) {
    this.sink = sink;
    this.isReused = isReused;
  }
  send(head: string, body: RequestBody, isHead: boolean): void {
    this.head = head;
    this.calls.push(`send ${body}${isHead ? ' HEAD' : ''}`);
  }
  expectContinue(): void {
    this.calls.push('expect');
  }
  writeBody(bytes: Buffer): Loan {
    this.calls.push(`body ${bytes.toString('latin1')}`);
    return 'released';
  }
  endBody(): void {
    this.calls.push('end');
  }
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
  forgo(): void {
    this.abandon();
  }

  abandon(): void {
    this.calls.push('abandon');
  }
}

/** Requests that the pool was asked for, and what was taken back. */
export type FakePool = { readonly asked: { sink: UpstreamSink; how: 'request' | 'pipelinable' | 'fresh' }[]; cancelled: number };

export type Bench = {
  readonly gateway: Gateway;
  readonly pool: FakePool;
  readonly client: FakeClient;
  readonly exchange: Exchange;
  readonly errors: unknown[];
  readonly log: Record<string, string | number>[];
  readonly counted: (name: string, ...labels: readonly string[]) => number;
  /** Begins with a request head. */
  readonly begin: (...lines: readonly string[]) => void;
  /** Gives the last asker of the pool a connection. */
  readonly connect: (isReused?: boolean) => FakeConnection;
  readonly again: () => Bench;
};

export type BenchOptions = {
  readonly route?: object;
  readonly upstream?: object;
  readonly top?: object;
  readonly filter?: Filter;
  readonly listener?: object;
};

/** A gateway without sockets, and one exchange in it. Route `all` leads to upstream `origin`. */
export function benchOf(options: BenchOptions = {}): Bench {
  const filters = options.filter === undefined ? {} : { filters: [{ module: './f.ts', timeout: '50ms' }] };
  const input: object = {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', ...options.listener }],
    upstreams: { origin: { endpoints: ['http://127.0.0.1:9'], ...options.upstream } },
    routes: [{ name: 'all', match: '/*', upstream: 'origin', ...filters, ...options.route }],
    accessLog: true,
    ...options.top,
  };
  const result = parseConfigObject(input as ConfigInput, { fileName: 'test', env: {} });
  if (result.kind !== 'ok') throw new Error(result.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  const { config } = result;
  const errors: unknown[] = [];
  const log: Record<string, string | number>[] = [];
  const registry = new MetricRegistry();
  const plan = registry.plan(config);
  const block = new Float64Array(registry.maxCells);
  const accessLog = new AccessLog(
    (chunk) => {
      for (const line of Buffer.from(chunk).toString('latin1').trimEnd().split('\n')) log.push(JSON.parse(line));
      accessLog.onWritten(chunk);
    },
    { ...ACCESS_LOG_DEFAULTS, onDrop: () => {}, schedule: (flush) => queueMicrotask(flush) },
  );
  const gateway = new Gateway({
    clock: new LoopClock(),
    workerIndex: 0,
    accessLog,
    reportError: (_where, error) => errors.push(error),
    idSeed: Buffer.from('seed-of-tests'),
    runToken: 'test-run',
  });
  gateway.load(config, new MetricsWriter(block, plan), new Map(options.filter === undefined ? [] : [['./f.ts', options.filter]]));
  const pool = fakePoolOf(gateway);
  const [listenerConfig] = config.listeners;
  if (listenerConfig === undefined) throw new Error('no listener');
  const listener = gateway.listenerPlan(listenerConfig);
  const counted = (name: string, ...labels: readonly string[]): number => {
    let sum = 0;
    for (const { row, values, slot } of registry.series) {
      if (row.name === name && labels.every((label) => values.includes(label))) sum += block[slot] ?? 0;
    }
    return sum;
  };
  const open = (): Bench => {
    const client = new FakeClient();
    const exchange = gateway.open(client, listener);
    const begin = (...lines: readonly string[]): void => {
      const refusal = parseRequestHead(`${lines.join('\r\n')}\r\n\r\n`, exchange.head, listenerConfig.limits);
      if (refusal === undefined) exchange.begin();
      else exchange.refuse(refusal);
    };
    const connect = (isReused = false): FakeConnection => {
      const asker = pool.asked.at(-1);
      if (asker === undefined) throw new Error('nobody asked for a connection');
      const connection = new FakeConnection(asker.sink, isReused);
      asker.sink.onUpstreamConnection(connection);
      return connection;
    };
    return { gateway, pool, client, exchange, errors, log, counted, begin, connect, again: open };
  };
  return open();
}

/** Puts a pool of the test's own in place of every one that the gateway would connect with. */
function fakePoolOf(gateway: Gateway): FakePool {
  const fake: FakePool = { asked: [], cancelled: 0 };
  for (const { targets } of gateway.upstreams.clusters.values()) {
    for (const { pool } of targets) {
      pool.request = (sink, isPipelinable) => void fake.asked.push({ sink, how: isPipelinable ? 'pipelinable' : 'request' });
      pool.requestFresh = (sink) => void fake.asked.push({ sink, how: 'fresh' });
      pool.cancel = () => void fake.cancelled++;
    }
  }
  return fake;
}

export function responseHead(...lines: readonly string[]): ResponseHead {
  const head = new ResponseHead(new FieldMarks(50));
  const fault = parseResponseHead(`${lines.join('\r\n')}\r\n\r\n`, head, { maxFields: 50 });
  if (fault !== undefined) throw new Error(fault);
  return head;
}

/** A whole answer of the upstream: 200, `ok`. */
export function answerOk({ sink }: FakeConnection): void {
  sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK', 'Content-Length: 2'), 2);
  sink.onUpstreamBody(Buffer.from('ok'));
  sink.onUpstreamEnd();
}

export function failWith({ sink, isReused }: FakeConnection, kind: FailureKind, stage: FailureStage): void {
  sink.onUpstreamFail({ kind, stage, isReused, detail: 'of the test' });
}

/** Promises of filters have settled. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
