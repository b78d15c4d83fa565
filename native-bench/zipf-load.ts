import { SeededRandom } from '../scripts/sim/random.ts';
import { RateConnection, type RateOwner } from '../scripts/bench/rate-connection.ts';
import { sleep } from '../scripts/bench/start-process.ts';
import { requestBytes } from './herd-clients.ts';

const TICK_MS = 1;
const GRACE_MS = 10_000;

export type ZipfPlan = {
  readonly port: number;
  /** Followed by the key's number. */
  readonly prefix: string;
  readonly keys: number;
  readonly requests: number;
  readonly durationMs: number;
  readonly connections: number;
  readonly seed: number;
};

export type ZipfResult = {
  /** From when each was due, sorted. */
  readonly latenciesMs: readonly number[];
  readonly errors: number;
};

/** Draws 0 to `keys` - 1, number n with a weight of 1 / (n + 1). */
function zipf(keys: number, random: () => number): () => number {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let key = 0; key < keys; key += 1) {
    sum += 1 / (key + 1);
    sums[key] = sum;
  }
  return () => {
    const at = random() * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/**
 * Requests that come when they come (Poisson), whatever the proxy does, for keys some of which are asked for far more often than others.
 * A request that finds no free connection waits for one, and its latency counts from when it was due.
 */
class ZipfLoad implements RateOwner {
  readonly latenciesMs: number[] = [];
  errors = 0;
  readonly #plan: ZipfPlan;
  readonly #bytes: readonly Buffer[];
  readonly #random: () => number;
  readonly #draw: () => number;
  readonly #free: RateConnection[];
  #sent = 0;
  #dueMs: number;

  constructor(plan: ZipfPlan) {
    this.#plan = plan;
    const random = new SeededRandom(plan.seed);
    this.#random = () => random.next();
    this.#draw = zipf(plan.keys, this.#random);
    this.#bytes = Array.from({ length: plan.keys }, (_, key) => requestBytes(`${plan.prefix}${key}`));
    this.#free = Array.from({ length: plan.connections }, () => this.#open());
    this.#dueMs = performance.now() + 100;
  }

  async run(): Promise<ZipfResult> {
    const { requests, durationMs } = this.#plan;
    const giveUpMs = this.#dueMs + durationMs + GRACE_MS;
    while (this.latenciesMs.length + this.errors < requests && performance.now() < giveUpMs) {
      this.#sendDue();
      await sleep(TICK_MS);
    }
    for (const { socket } of this.#free) socket.destroy();
    const latenciesMs = this.latenciesMs.toSorted((a, b) => a - b);
    return { latenciesMs, errors: requests - latenciesMs.length };
  }

  onAnswer(connection: RateConnection): void {
    this.latenciesMs.push(performance.now() - connection.intendedMs);
    connection.request = -1;
    this.#free.push(connection);
  }

  /** An idle one may be closed by the proxy; it is replaced. */
  onBroken(connection: RateConnection): void {
    if (connection.request !== -1) this.errors += 1;
    const at = this.#free.indexOf(connection);
    if (at !== -1) this.#free.splice(at, 1);
    if (this.#sent < this.#plan.requests && this.errors < this.#plan.connections) this.#free.push(this.#open());
  }

  #open(): RateConnection {
    return new RateConnection({ host: '127.0.0.1', port: this.#plan.port }, this);
  }

  #sendDue(): void {
    const { requests, durationMs } = this.#plan;
    for (const nowMs = performance.now(); this.#dueMs <= nowMs && this.#sent < requests; ) {
      const connection = this.#free.pop();
      if (connection === undefined) return;
      connection.request = this.#sent;
      connection.intendedMs = this.#dueMs;
      connection.send(this.#bytes[this.#draw()] ?? Buffer.alloc(0));
      this.#sent += 1;
      this.#dueMs += -Math.log(1 - this.#random()) * (durationMs / requests);
    }
  }
}

export function loadByZipf(plan: ZipfPlan): Promise<ZipfResult> {
  return new ZipfLoad(plan).run();
}
