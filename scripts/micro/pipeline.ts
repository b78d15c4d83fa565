// What one relayed request costs in our own code: sockets that do nothing stand in for the kernel. ns per request, best of 30.
// Usage: node --disable-warning=ExperimentalWarning [--cpu-prof] scripts/micro/pipeline.ts
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { LoopClock } from '../../src/base/clock.ts';
import { quickConfig } from '../../src/config/quick.ts';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../src/observe/registry.ts';

type StreamBinding = { streamBaseState: Int32Array; kReadBytesOrError: number; kLastWriteWasAsync: number };
const { streamBaseState, kReadBytesOrError } = (process as unknown as { binding(name: string): StreamBinding }).binding('stream_wrap');

class FakeHandle {
  buffer: Uint8Array = new Uint8Array(0);
  reading = false;
  written = 0;
  onread: (bytes: unknown) => unknown = () => undefined;
  useUserBuffer(buffer: Uint8Array): void {
    this.buffer = buffer;
  }
  readStart(): void {}
  readStop(): void {}
  writeLatin1String(_request: unknown, text: string): number {
    this.written += text.length;
    return 0;
  }
  receive(bytes: Buffer): void {
    bytes.copy(this.buffer, 0);
    streamBaseState[kReadBytesOrError] = bytes.length;
    const next = this.onread(undefined);
    if (next instanceof Uint8Array) this.buffer = next;
  }
}

class FakeSocket extends EventEmitter {
  readonly _handle = new FakeHandle();
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 40_000;
  readonly bytesWritten = 0;
  destroyed = false;
  destroy(): this {
    this.destroyed = true;
    return this;
  }
  end(): void {}
}

const upstreams: FakeSocket[] = [];
net.connect = (() => {
  const socket = new FakeSocket();
  upstreams.push(socket);
  return socket;
}) as unknown as typeof net.connect;
syncBuiltinESMExports();

const { NodeServer } = await import('../../src/edge/node-listener.ts');
const { NodeClient } = await import('../../src/edge/node-client.ts');
const { Gateway } = await import('../../src/exchange/gateway.ts');

const quick = quickConfig({ to: 'http://127.0.0.1:9', listen: '127.0.0.1:8' });
const config = { ...quick, upstreams: quick.upstreams.map((upstream) => ({ ...upstream, pool: { ...upstream.pool, maxRequests: 0 } })) };
const registry = new MetricRegistry();
const metrics = new MetricsWriter(new Float64Array(registry.maxCells), registry.plan(config));
const clock = new LoopClock();
const gateway = new Gateway({
  clock,
  workerIndex: 0,
  accessLog: undefined,
  reportError: console.error,
  idSeed: randomBytes(8),
  runToken: 'x',
});
gateway.load(config, metrics, new Map());
const listener = config.listeners[0];
if (listener === undefined) throw new Error('quickConfig gives a listener');
const server = new NodeServer(listener, gateway);

const request = Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n');
const varied = [0, 1].map((i) =>
  Buffer.from(`GET /items/${i} HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8\r\nAccept: */*\r\nX-Trace: ${i}00\r\n\r\n`),
);
const answer = (length: number): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 18:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\nConnection: keep-alive\r\n\r\n${'x'.repeat(length)}`,
  );
const answers = [answer(100), answer(101)];

const client = new FakeSocket();
new NodeClient(server, client as unknown as net.Socket);
client._handle.receive(request);
const upstream = upstreams[0];
if (upstream === undefined) throw new Error('a connection has been opened');
upstream.emit('connect');
upstream._handle.receive(answers[0] ?? request);

function timed(name: string, ask: (i: number) => void): void {
  let best = Number.POSITIVE_INFINITY;
  const before = client._handle.written;
  for (let round = 0; round < 30; round++) {
    const start = performance.now();
    for (let i = 0; i < 20_000; i++) ask(i);
    best = Math.min(best, (performance.now() - start) * 50);
  }
  console.log(`${name.padEnd(34)} ${best.toFixed(0)} ns a request, ${client._handle.written - before} bytes answered`);
}

timed('the same request, the same answer', () => {
  client._handle.receive(request);
  upstream._handle.receive(answers[0] ?? request);
});
timed('other requests, other answers', (i) => {
  client._handle.receive(varied[i & 1] ?? request);
  upstream._handle.receive(answers[i & 1] ?? request);
});
process.exit(0);
