import type { TestContext } from 'node:test';
import type { CachingServices } from '../../src/exchange/caching.ts';
import { createEpochs, Epochs } from '../../src/shm/epochs.ts';
import { createFlights } from '../../src/shm/flight-cells.ts';
import { Flights } from '../../src/shm/flights.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';
import { CaseOrigin } from './cache-origin.ts';
import type { Row } from './cache-row.ts';
import { runRow, type Subject } from './cache-runner.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const PARTICIPANTS = 4;
const SEED = Buffer.from('seed of the test');
const BYTES = 16 * 2 ** 20;

/** The memory of one host's cache, for as many fronts as there are participants. */
export type HostCache = { readonly open: (self: number) => CachingServices };

/** `isCollapsing`: with a table of flights, so that one request goes to the origin for all. */
export function hostCache(bytes = BYTES, isCollapsing = false): HostCache {
  const store = createObjectStore({ bytes, participants: PARTICIPANTS, seed: SEED });
  const epochs = createEpochs(SEED);
  const flights = isCollapsing ? createFlights({ slots: 1024, participants: PARTICIPANTS, seed: SEED }) : undefined;
  return {
    open: (self) => ({
      store: new ObjectStore(store, self),
      epochs: new Epochs(epochs),
      disk: undefined,
      flights: flights === undefined ? undefined : new Flights(flights, self),
    }),
  };
}

export type CachedFront = ConfiguredFront & { readonly caching: CachingServices };

export type CachedOptions = {
  /** What stands under `cache:`. */
  readonly cache?: object | true;
  readonly engine?: 'node' | 'uws';
  readonly listener?: object;
  readonly upstream?: object;
  readonly route?: object;
  readonly host?: HostCache;
  readonly self?: number;
};

/** One route that caches, to one origin, which gets credentials too. */
export async function openCached(t: TestContext, originUrl: string, options: CachedOptions = {}): Promise<CachedFront> {
  const { cache = true, engine = 'node', listener = {}, upstream = {}, route = {}, host = hostCache(), self = 0 } = options;
  const caching = host.open(self);
  const config = {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', engine, ...listener }],
    upstreams: { origin: { endpoints: [originUrl], forwardCredentials: true, ...upstream } },
    routes: [{ name: 'all', match: '/*', upstream: 'origin', cache, ...route }],
  };
  const front = await openConfigured(t, config, { caching });
  return { ...front, caching };
}

/** A front with an origin that answers by rows. */
export async function openSubject(t: TestContext, options: CachedOptions = {}): Promise<Subject> {
  const origin = await CaseOrigin.start();
  const front = await openCached(t, origin.origin.url, options);
  t.after(() => origin.origin.close());
  return { port: front.port, origin, hasCacheStatus: true };
}

/** Runs rows side by side, each a test. `gaps`: what is known to fail, and why. */
export async function testRows(
  t: TestContext,
  subject: Subject,
  rows: readonly Row[],
  gaps: ReadonlyMap<string, string> = new Map(),
): Promise<number> {
  let passed = 0;
  const run = async (row: Row): Promise<void> => {
    const gap = gaps.get(row.id);
    await t.test(row.id, gap === undefined ? {} : { todo: gap }, async () => {
      const problems = await runRow(subject, row);
      if (problems.length === 0) passed++;
      if (row.ours === 'no' && problems.length === 0) throw new Error('it holds, although the row says that it does not');
      if (row.ours !== 'no' && problems.length > 0) throw new Error(problems.join('\n'));
    });
  };
  await Promise.all(rows.map(run));
  return passed;
}
