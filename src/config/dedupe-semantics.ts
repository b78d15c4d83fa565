import { quotasIn } from './limit-semantics.ts';
import type { ConfigPath, Finding } from './problem.ts';
import { asList, asMap, isSwitchedOn, type RawMap, upperTexts } from './raw.ts';

/** What other parts of the configuration say about `collapse` and `dedupe`. Works on the unchecked value, as `semantics.ts` does. */
export function checkDedupe(root: RawMap): Finding[] {
  return asList(root['routes']).flatMap((value, i) => {
    const route = asMap(value);
    const path = ['routes', i];
    return [...collapseWithoutCache(route, path), ...besideRespond(route, path), ...keysWithoutStore(route, root['store'], path)];
  });
}

/** What is allowed but probably not meant. */
export function warnDedupe(root: RawMap): Finding[] {
  const routes = asList(root['routes']).map(asMap);
  const unused = (key: string, why: string): Finding[] =>
    root[key] === undefined ? [] : [{ path: [key], at: 'key', message: `has no effect, since no route has ${why}` }];
  const hasCache = routes.some(({ cache }) => isSwitchedOn(cache));
  return [
    ...(hasCache || routes.some(isSharing) ? [] : unused('cacheMemory', '`cache`, or `dedupe` with methods')),
    ...(hasCache || routes.some(hasIdempotency) || quotasIn(root).length > 0 || root['consumers'] !== undefined
      ? []
      : unused('store', '`cache` or `dedupe.idempotencyKey`')),
    ...routes.flatMap(warnRoute),
  ];
}

function warnRoute(route: RawMap, i: number): Finding[] {
  if (!isSwitchedOn(route['dedupe'])) return [];
  const path = ['routes', i, 'dedupe'];
  return [...sharesTooMuch(asMap(route['dedupe']), path), ...methodsNotTaken(route, path)];
}

/** Whether identical requests of the route share an answer through shared memory, cached or not. */
function isSharing(route: RawMap): boolean {
  const { dedupe } = route;
  const { methods } = asMap(dedupe);
  return isSwitchedOn(dedupe) && (methods === undefined ? !hasIdempotency(route) : asList(methods).length > 0);
}

/** Whether the route keeps answers by Idempotency-Key. */
function hasIdempotency(route: RawMap): boolean {
  return isSwitchedOn(route['dedupe']) && isSwitchedOn(asMap(route['dedupe'])['idempotencyKey']);
}

function collapseWithoutCache(route: RawMap, path: ConfigPath): Finding[] {
  if (!isSwitchedOn(route['collapse']) || isSwitchedOn(route['cache'])) return [];
  const remedy = 'add `cache: true`, or use `dedupe` for answers that are not cached';
  return [{ path: [...path, 'collapse'], at: 'key', message: 'needs `cache` on the same route', remedy }];
}

function besideRespond(route: RawMap, path: ConfigPath): Finding[] {
  if (route['respond'] === undefined || !isSwitchedOn(route['dedupe'])) return [];
  const message = 'cannot stand beside `respond`, which asks nobody';
  return [{ path: [...path, 'dedupe'], at: 'key', message, remedy: 'remove it' }];
}

function keysWithoutStore(route: RawMap, store: unknown, path: ConfigPath): Finding[] {
  if (!hasIdempotency(route) || store !== undefined) return [];
  const message = 'needs `store`, since its promise outlives the process';
  return [{ path: [...path, 'dedupe', 'idempotencyKey'], at: 'key', message, remedy: 'add `store: { path: ./data }` at the top level' }];
}

/** Safe, and without content that says what is asked. */
const BODILESS = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

function sharesTooMuch(dedupe: RawMap, path: ConfigPath): Finding[] {
  if (!Array.isArray(dedupe['key'])) return [];
  const parts = dedupe['key'].map((part) => String(part).toLowerCase());
  const methods = dedupe['methods'] === undefined ? ['GET', 'HEAD'] : upperTexts(dedupe['methods']);
  const warn = (part: string, what: string): Finding[] =>
    parts.includes(part) ? [] : [{ path: [...path, 'key'], at: 'value', message: `has no ${part}: ${what} share one answer` }];
  return [
    ...warn('url', 'requests for different things'),
    ...(methods.length > 1 ? warn('method', 'requests with different methods') : []),
    ...(methods.some((method) => !BODILESS.includes(method)) ? warn('body', 'requests with different content') : []),
  ];
}

function methodsNotTaken(route: RawMap, path: ConfigPath): Finding[] {
  const taken = upperTexts(asMap(route['match'])['methods']);
  const dedupe = asMap(route['dedupe']);
  const rows: [wanted: unknown, at: ConfigPath][] = [
    [dedupe['methods'], [...path, 'methods']],
    [asMap(dedupe['idempotencyKey'])['methods'], [...path, 'idempotencyKey', 'methods']],
  ];
  return rows.flatMap(([wanted, at]): Finding[] => {
    const named = upperTexts(wanted);
    if (taken.length === 0 || named.length === 0 || named.some((method) => taken.includes(method))) return [];
    return [{ path: at, at: 'key', message: `has no effect: the route takes ${taken.join(', ')} only` }];
  });
}
