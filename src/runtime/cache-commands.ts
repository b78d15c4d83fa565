import { type CachePolicy, compileCachePolicy } from '../cache/policy.ts';
import type { GatewayConfig, RouteConfig } from '../config/types.ts';
import * as events from '../observe/events.ts';
import type { EventLog } from '../observe/log.ts';
import type { CacheMemory } from './cache-memory.ts';
import { diskRemovals, purge } from './purge.ts';
import { parsePurgeOrder, type PurgeOrder } from './purge-order.ts';
import type { DiskTierHost } from './store/disk-tier-host.ts';

export type PurgeResult =
  | { readonly kind: 'ok'; readonly purged: number }
  /** The order is not one. */
  | { readonly kind: 'bad'; readonly problems: readonly string[] }
  /** There is nothing to purge from. */
  | { readonly kind: 'none'; readonly problems: readonly string[] };

export type PurgeScene = {
  readonly cache: CacheMemory | undefined;
  readonly disk: DiskTierHost | undefined;
  /** That serves. */
  readonly config: GatewayConfig | undefined;
  readonly log: EventLog;
  count(order: PurgeOrder, objects: number): void;
};

/** `POST /purge`. */
export async function runPurge(body: unknown, { cache, disk, config, log, count }: PurgeScene): Promise<PurgeResult> {
  const order = parsePurgeOrder(body);
  if (typeof order === 'string') return { kind: 'bad', problems: [order] };
  const epochs = cache?.epochs;
  const policies = (config?.routes ?? []).flatMap(policyOf);
  if (cache === undefined || epochs === undefined || policies.length === 0) return { kind: 'none', problems: ['no route caches'] };
  const ports = [...new Set(config?.listeners.map(({ address }) => address.port))];
  const inMemory = await purge(order, { stores: cache.stores, epochs, policies, ports });
  // After the memory: what the disk has brought there behind our back goes with its row.
  const onDisk = (await disk?.purge(diskRemovals(order, policies))) ?? 0;
  // Most of what is in memory is on disk as well.
  const objects = Math.max(inMemory, onDisk);
  count(order, objects);
  events.cachePurged(log, { kind: order.kind, what: order.what, soft: order.isSoft, objects });
  return { kind: 'ok', purged: objects };
}

/** Where a route has several upstreams, there is one in its keys. */
function policyOf({ name, cache, action }: RouteConfig): CachePolicy[] {
  if (cache === undefined) return [];
  const policy = compileCachePolicy(name, cache);
  return [action.kind === 'split' ? { ...policy, hasManyKeys: true } : policy];
}

/** `GET /cache`: sizes in bytes, counts since the store was made. */
export function describeCache(cache: CacheMemory | undefined, disk: DiskTierHost | undefined, config: GatewayConfig | undefined): object {
  const routes = (config?.routes ?? []).filter((route) => route.cache !== undefined).map(({ name }) => name);
  const stats = cache?.stats;
  return { enabled: routes.length > 0 && stats !== undefined, routes, ...stats, disk: disk?.figures };
}
