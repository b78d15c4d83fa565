import { RateConnection, type RateOwner } from '../scripts/bench/rate-connection.ts';
import { sleep, until } from '../scripts/bench/start-process.ts';

const OPEN_TIMEOUT_MS = 30_000;
const HERD_TIMEOUT_MS = 60_000;
const BATCH = 100;

/** Milliseconds since the first request was sent. */
export type HerdTimes = {
  /** Until the last request was sent. */
  readonly firingMs: number;
  /** When each client had its whole answer, in order. */
  readonly servedMs: readonly number[];
  /** Answers that were no 200, and connections that broke. */
  readonly errors: number;
};

export function requestBytes(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: bench.example\r\n\r\n`, 'latin1');
}

/** Many clients, each on a connection of its own that is open and has been served once, which then all ask at once. */
export class HerdClients implements RateOwner {
  readonly #connections: RateConnection[] = [];
  #served: number[] = [];
  #errors = 0;
  #beganMs = 0;

  private constructor() {}

  /** `warmPath` is asked on each, so that the proxy has accepted it. */
  static async open(port: number, count: number, warmPath: string): Promise<HerdClients> {
    const herd = new HerdClients();
    for (let opened = 0; opened < count; opened += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, count - opened) }, () => new RateConnection({ host: '127.0.0.1', port }, herd));
      herd.#connections.push(...batch);
      await herd.#ask(batch, warmPath, OPEN_TIMEOUT_MS);
      if (herd.#errors > 0) throw new Error('a client could not be opened');
    }
    return herd;
  }

  /** All ask at once; resolves when all have been served. */
  async fire(path: string): Promise<HerdTimes> {
    return this.#ask(this.#connections, path, HERD_TIMEOUT_MS);
  }

  async close(): Promise<void> {
    for (const { socket } of this.#connections.splice(0)) socket.destroy();
    await sleep(50);
  }

  onAnswer(connection: RateConnection): void {
    connection.request = -1;
    this.#served.push(performance.now() - this.#beganMs);
  }

  onBroken(): void {
    this.#errors += 1;
  }

  async #ask(connections: readonly RateConnection[], path: string, timeoutMs: number): Promise<HerdTimes> {
    const bytes = requestBytes(path);
    this.#served = [];
    this.#errors = 0;
    this.#beganMs = performance.now();
    for (const connection of connections) {
      connection.request = 0;
      connection.send(bytes);
    }
    const firingMs = performance.now() - this.#beganMs;
    const isOver = (): true | undefined => (this.#served.length + this.#errors >= connections.length ? true : undefined);
    await until(`${connections.length} answers`, timeoutMs, isOver);
    return { firingMs, servedMs: this.#served, errors: this.#errors };
  }
}
