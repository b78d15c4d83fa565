import { setImmediate as nextTurn } from 'node:timers/promises';
import { never } from '../base/never.ts';
import { type CacheUri, epochNameOfTag, epochNamesForUri, keysForUri, normalisedUri, parseCacheUri } from '../cache/cache-key.ts';
import { FLAG_INVALID, FLAG_STALE } from '../cache/numbers.ts';
import type { CachePolicy } from '../cache/policy.ts';
import { decodeMeta } from '../cache/stored.ts';
import { portLine } from '../exchange/cache-origin.ts';
import { PREFIX_PURGE_EPOCH } from '../exchange/purge-epoch.ts';
import { epochNameOfSharing } from '../exchange/sharing-key.ts';
import type { Epochs } from '../shm/epochs.ts';
import type { ObjectStore } from '../shm/object-store.ts';
import type { StoredObject } from '../shm/stored-object.ts';
import { hasKeyPrefix, parseKeyPrefix } from './key-prefix.ts';
import type { PurgeOrder } from './purge-order.ts';
import type { Removal } from './store/disk-remover.ts';

/** Entries looked at in one turn of the coordinator's loop: a few ms. */
const BATCH_ENTRIES = 1_000;

export type PurgePlace = {
  /** All that a worker may serve from. */
  readonly stores: readonly ObjectStore[];
  readonly epochs: Epochs;
  /** Of the routes that cache. */
  readonly policies: readonly CachePolicy[];
  /** Of the listeners. */
  readonly ports: readonly number[];
};

/**
 * Purges, on all workers at once, and resolves with the number of objects that were dropped or (soft) marked stale. When it
 * resolves, no worker serves what came of a request that was sent before. The epochs see to that, answers under way included; going through the store gives the memory back and counts. A prefix has no epoch of its own: what is stored is
 * found by going through it, and what is under way is not stored (`PREFIX_PURGE_EPOCH`).
 */
export async function purge(order: PurgeOrder, place: PurgePlace): Promise<number> {
  bumpEpochs(order, place);
  let purged = 0;
  for (const store of place.stores) purged += await purgeStore(store, order, place);
  return purged;
}

/** The same for what is on disk. */
export function diskRemovals({ kind, what, isSoft }: PurgeOrder, policies: readonly CachePolicy[]): readonly Removal[] {
  switch (kind) {
    case 'url': {
      const names = urisOf(what).flatMap((uri) => epochNamesForUri(policies, uri));
      return names.map((name) => ({ kind: 'name', name, isSoft }));
    }
    case 'prefix':
      return [{ kind, prefix: what, isSoft }];
    case 'tag':
      return [{ kind: 'name', name: epochNameOfTag(what), isSoft }];
    case 'all':
      return [{ kind, isSoft }];
    default:
      return never(kind, 'diskRemovals');
  }
}

function bumpEpochs({ kind, what, isSoft }: PurgeOrder, { epochs, policies }: PurgePlace): void {
  switch (kind) {
    case 'url':
      for (const uri of urisOf(what))
        for (const name of [...epochNamesForUri(policies, uri), epochNameOfSharing(uri)]) epochs.bumpUrl(name, isSoft);
      break;
    case 'prefix':
      epochs.bump(PREFIX_PURGE_EPOCH, false);
      break;
    case 'tag':
      epochs.bump(epochNameOfTag(what), isSoft);
      break;
    case 'all':
      epochs.bumpAll(isSoft);
      break;
    default:
      never(kind, 'bumpEpochs');
  }
}

async function purgeStore(store: ObjectStore, order: PurgeOrder, { policies, ports }: PurgePlace): Promise<number> {
  if (order.kind === 'url' && !policies.some(({ hasManyKeys }) => hasManyKeys)) {
    const places = ['', ...ports.map(portLine)];
    const keys = urisOf(order.what).flatMap((uri) => keysForUri(policies, uri).flatMap((key) => places.map((place) => key + place)));
    return keys.reduce((sum, key) => sum + dropKey(store, key, order.isSoft), 0);
  }
  const isMeant = matcherOf(order, policies);
  let purged = 0;
  for (let from = 0; from >= 0; ) {
    const found: StoredObject[] = [];
    const visit = (object: StoredObject): void => {
      if (isMeant(object)) found.push(object);
    };
    from = store.forEach(visit, { from, maxEntries: BATCH_ENTRIES });
    for (const object of found) purged += dropOne(store, object, order.isSoft);
    await nextTurn();
  }
  return purged;
}

/** All variants of one key. */
function dropKey(store: ObjectStore, key: string, isSoft: boolean): number {
  const found: StoredObject[] = [];
  for (let entry = store.find(key); entry >= 0; entry = store.next(entry, key)) {
    const object = store.open(entry);
    if (object !== undefined) found.push(object);
  }
  return found.reduce((sum, object) => sum + (drop(store, object, isSoft) ? 1 : 0), 0);
}

/** One object; where it was freshened under our hands, whatever its key leads to now. */
function dropOne(store: ObjectStore, object: StoredObject, isSoft: boolean): number {
  return drop(store, object, isSoft) ? 1 : dropKey(store, object.key, isSoft);
}

function drop(store: ObjectStore, object: StoredObject, isSoft: boolean): boolean {
  if (isSoft) return store.setFlags(object, FLAG_STALE);
  // Without the lock it cannot be dropped; then it must at least be validated before it is used.
  return store.doom(object) || store.setFlags(object, FLAG_INVALID);
}

/** The same host may be reached by both schemes, and a balancer before us may hide which it was. */
function urisOf(url: string): readonly CacheUri[] {
  const uri = parseCacheUri(url);
  return uri === undefined ? [] : ['http', 'https'].map((scheme) => ({ ...uri, scheme }));
}

function matcherOf(order: PurgeOrder, policies: readonly CachePolicy[]): (object: StoredObject) => boolean {
  switch (order.kind) {
    case 'url': {
      const places = placesOf(order.what, policies);
      return ({ key }) => places.has(key.split('\n', 3).join('\n'));
    }
    case 'prefix': {
      const prefix = parseKeyPrefix(order.what);
      return ({ key }) => hasKeyPrefix(key, prefix);
    }
    case 'tag':
      return ({ meta }) => decodeMeta(meta)?.tags.includes(order.what) ?? false;
    case 'all':
      return () => true;
    default:
      return never(order.kind, 'matcherOf');
  }
}

/** How keys of this URL begin: `namespace LF class LF URI`, whatever chosen fields follow. Those of class S hold for any query. */
function placesOf(url: string, policies: readonly CachePolicy[]): ReadonlySet<string> {
  const begins = urisOf(url).flatMap((uri) =>
    policies.flatMap((policy) => {
      const normalised = normalisedUri(policy, uri);
      const base = normalisedUri(policy, { ...uri, query: '' });
      return [`G\n${normalised}`, `Q\n${normalised}`, `S\n${base}`].map((rest) => `${policy.namespace}\n${rest}`);
    }),
  );
  return new Set(begins);
}
