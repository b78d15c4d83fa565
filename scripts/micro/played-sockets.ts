// Sockets that do nothing stand in for the kernel, so that what is timed is our own code. Import this before anything that opens one.
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { LoopClock } from '../../src/base/clock.ts';
import type { GatewayConfig } from '../../src/config/types.ts';
import type { CachingServices } from '../../src/exchange/caching.ts';
import type { LimitingServices } from '../../src/exchange/limiting.ts';
import type { UpstreamServices } from '../../src/exchange/upstreams.ts';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../src/observe/registry.ts';
import { tell } from './told.ts';

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
  writeBuffer(_request: unknown, bytes: Uint8Array): number {
    this.written += bytes.length;
    return 0;
  }
  writev(_request: unknown, pieces: readonly (string | Uint8Array)[]): number {
    for (let i = 0; i < pieces.length; i += 2) this.written += pieces[i]?.length ?? 0;
    return 0;
  }
  receive(bytes: Buffer): void {
    bytes.copy(this.buffer, 0);
    streamBaseState[kReadBytesOrError] = bytes.length;
    const next = this.onread(undefined);
    if (next instanceof Uint8Array) this.buffer = next;
  }
}

export class FakeSocket extends EventEmitter {
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

/** In the order in which they were opened. */
export const upstreams: FakeSocket[] = [];
net.connect = (() => {
  const socket = new FakeSocket();
  upstreams.push(socket);
  return socket;
}) as unknown as typeof net.connect;
syncBuiltinESMExports();

const { NodeServer } = await import('../../src/edge/node-listener.ts');
const { NodeClient } = await import('../../src/edge/node-client.ts');
const { Gateway } = await import('../../src/exchange/gateway.ts');

/** A worker with the first listener of a configuration, and one client of it. */
export function openPlayed(
  config: GatewayConfig,
  caching?: CachingServices,
  limiting?: LimitingServices,
  upstreams?: UpstreamServices,
): { client: FakeSocket; clock: LoopClock } {
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
  gateway.load(config, metrics, new Map(), caching, limiting, upstreams);
  const listener = config.listeners[0];
  if (listener === undefined) throw new Error('the configuration has a listener');
  const server = new NodeServer(listener, gateway);
  const client = new FakeSocket();
  new NodeClient(server, client as unknown as net.Socket);
  return { client, clock };
}

/** The connection that the first request has opened, with that request answered. */
export function answerFirst(answer: Buffer): FakeSocket {
  const upstream = upstreams.at(-1);
  if (upstream === undefined) throw new Error('a connection has been opened');
  upstream.emit('connect');
  upstream._handle.receive(answer);
  return upstream;
}

/** ns per request, best of 30. */
export function timed(name: string, client: FakeSocket, ask: (i: number) => void): void {
  let best = Number.POSITIVE_INFINITY;
  const before = client._handle.written;
  for (let round = 0; round < 30; round++) {
    const start = performance.now();
    for (let i = 0; i < 20_000; i++) ask(i);
    best = Math.min(best, (performance.now() - start) * 50);
  }
  tell(name, 'ns', best);
  console.log(`${name.padEnd(34)} ${best.toFixed(0)} ns a request, ${client._handle.written - before} bytes answered`);
}
