import type { ResourcesConfig } from '../config/breaker-types.ts';
import { type ConcurrencyTable, createConcurrencyTable, REFUSED } from '../shm/concurrency-table.ts';
import { KeyedHash, SEED_BYTES } from '../shm/keyed-hash.ts';

/**
 * What an upstream may have at once over the whole host: connections, requests that wait for one, requests, retries. Counted in a table of what is in
 * flight (`shm/concurrency-table.ts`), where each has a key: so it is exact in every order, and what a dead worker held is given back.
 */

/** What is counted; `hungry`: pools that would open a connection and may not, for whose sake others part with an idle one. */
export type Resource = 'connections' | 'pending' | 'requests' | 'retries' | 'hungry';

/** Keys have at most 272 bytes each (128 workers): room for about a thousand upstreams, and pages that nobody writes take no memory. */
const TABLE_BYTES = 2 ** 20;
const NO_BOUND = 2 ** 30;

/** One bound, as one worker asks of it. */
export class HostLimit {
  /** How often this worker was told that there is no more. */
  refusedTotal = 0;
  readonly #table: ConcurrencyTable;
  readonly #low: number;
  readonly #high: number;
  readonly #max: number;
  /** What this worker has. Any of them stands for any other. */
  readonly #held: number[] = [];

  constructor(table: ConcurrencyTable, { low, high }: { readonly low: number; readonly high: number }, max: number) {
    this.#table = table;
    this.#low = low;
    this.#high = high;
    this.#max = max;
  }

  acquire(): boolean {
    const handle = this.#table.acquire(this.#low, this.#high, this.#max);
    if (handle === REFUSED) {
      this.refusedTotal++;
      return false;
    }
    this.#held.push(handle);
    return true;
  }

  /** Once for each that was acquired. */
  release(): void {
    const handle = this.#held.pop();
    if (handle !== undefined) this.#table.release(handle);
  }

  /** By all workers. */
  get inUse(): number {
    return this.#table.inFlight(this.#low, this.#high);
  }

  get isFull(): boolean {
    return this.inUse >= this.#max;
  }
}

/** The bounds of one upstream; `null` = there is none. */
export type HostLimits = Readonly<Record<Exclude<Resource, 'hungry'>, HostLimit | null>> & { readonly hungry: HostLimit };

/** Makes the bounds of upstreams for one thread. */
export class HostLimitMaker {
  readonly #table: ConcurrencyTable;
  readonly #hash: KeyedHash;

  constructor(table: ConcurrencyTable) {
    this.#table = table;
    this.#hash = new KeyedHash(table.seed);
  }

  make(upstream: string, { maxConnections, maxPending, maxRequests, maxRetries }: ResourcesConfig): HostLimits {
    const of = (resource: Resource, max: number): HostLimit | null => (max === 0 ? null : this.#limit(upstream, resource, max));
    return {
      connections: of('connections', maxConnections),
      pending: of('pending', maxPending),
      requests: of('requests', maxRequests),
      retries: of('retries', maxRetries),
      hungry: this.#limit(upstream, 'hungry', NO_BOUND),
    };
  }

  #limit(upstream: string, resource: Resource, max: number): HostLimit {
    this.#hash.hash(`${resource}\0${upstream}`);
    return new HostLimit(this.#table, { low: this.#hash.low, high: this.#hash.high }, max);
  }
}

/** Made once, by the coordinator, which is the last participant. */
export function createHostLimits(workers: number, seed: Uint8Array): SharedArrayBuffer {
  return createConcurrencyTable({ bytes: TABLE_BYTES, participants: workers + 1, seed });
}

export const HOST_LIMITS_SEED_BYTES = SEED_BYTES;
