import type { ConfigPath, Finding } from './problem.ts';
import { asList, asMap, isSwitchedOn, type RawMap, upperTexts } from './raw.ts';
import { type NamedUpstream, upstreamsOf } from './split-semantics.ts';
import { formatSize, parseSize } from './units.ts';

/** What other parts of the configuration say about caches. Works on the unchecked value, as `semantics.ts` does. */
export function checkCaches(root: RawMap): Finding[] {
  return cachesIn(root).flatMap(({ route, cache, path }) => [...besideRespond(route, path), ...largerThanMemory(cache, root, path)]);
}

/** What is allowed but probably not meant. */
export function warnCaches(root: RawMap): Finding[] {
  const caches = cachesIn(root);
  return [
    ...caches.flatMap(({ route, cache, path }) => [...caughtByNone(route, cache, path), ...cookiesThatStop(route, cache, { root, path })]),
  ];
}

type Found = { readonly route: RawMap; readonly cache: RawMap; readonly path: ConfigPath };

/** The routes that cache; `path` leads to their `cache`. */
function cachesIn(root: RawMap): Found[] {
  return asList(root['routes']).flatMap((value, i) => {
    const route = asMap(value);
    const { cache } = route;
    return isSwitchedOn(cache) ? [{ route, cache: asMap(cache), path: ['routes', i, 'cache'] }] : [];
  });
}

function besideRespond(route: RawMap, path: ConfigPath): Finding[] {
  if (route['respond'] === undefined) return [];
  return [{ path, at: 'key', message: 'cannot stand beside `respond`, whose answer is in memory anyway', remedy: 'remove it' }];
}

/** The store takes no object above a quarter of its arena, which is what its tables leave of the memory. */
function largerThanMemory(cache: RawMap, root: RawMap, path: ConfigPath): Finding[] {
  const maxObject = sizeOf(cache['maxObject']);
  const memory = sizeOf(root['cacheMemory'] ?? '256MiB');
  if (maxObject === undefined || memory === undefined || maxObject <= memory / 5) return [];
  const message = `must not be above a fifth of \`cacheMemory\`, which is ${formatSize(memory)}`;
  return [{ path: [...path, 'maxObject'], at: 'value', message, remedy: 'lower it or raise `cacheMemory`' }];
}

function sizeOf(value: unknown): number | undefined {
  const size = parseSize(String(value));
  return size.kind === 'ok' ? size.value : undefined;
}

function caughtByNone(route: RawMap, cache: RawMap, path: ConfigPath): Finding[] {
  const taken = upperTexts(asMap(route['match'])['methods']);
  const cached = cache['methods'] === undefined ? ['GET', 'HEAD'] : upperTexts(cache['methods']);
  if (taken.length === 0 || cached.length === 0 || cached.some((method) => taken.includes(method))) return [];
  return [{ path, at: 'key', message: `caches nothing: the route takes ${taken.join(', ')}, the cache answers ${cached.join(', ')}` }];
}

/** A key by cookies that the upstream never sees holds the same answer many times. */
function cookiesThatStop(route: RawMap, cache: RawMap, { root, path }: { readonly root: RawMap; readonly path: ConfigPath }): Finding[] {
  if (asList(asMap(cache['key'])['cookies']).length === 0) return [];
  const isTold = ({ name }: NamedUpstream): boolean => String(asMap(asMap(root['upstreams'])[name])['forwardCredentials']) === 'true';
  if (upstreamsOf(route, []).some(isTold)) return [];
  const message = 'counts cookies that the upstream does not get, since it has no `forwardCredentials: true`';
  return [{ path: [...path, 'key', 'cookies'], at: 'key', message }];
}
