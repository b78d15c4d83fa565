import type { ConfigPath, Finding } from './problem.ts';
import { asList, asMap, isMap } from './raw.ts';
import { didYouMean } from './suggest.ts';

/** What `fallback` of a route needs of the rest of the configuration. */
export function checkFallbacks(root: ReturnType<typeof asMap>): Finding[] {
  const upstreams = Object.keys(asMap(root['upstreams']));
  return asList(root['routes']).flatMap((route, i) => checkFallback(asMap(route), ['routes', i, 'fallback'], upstreams));
}

function checkFallback(route: ReturnType<typeof asMap>, path: ConfigPath, upstreams: readonly string[]): Finding[] {
  const { fallback } = route;
  if (!isMap(fallback)) return [];
  const found: Finding[] = [];
  if (route['respond'] !== undefined)
    found.push({
      path,
      at: 'key',
      message: 'is of no use on a route that answers by itself',
      remedy: 'remove it, or give the route an `upstream`',
    });
  const { upstream, stale } = fallback;
  if (typeof upstream === 'string' && !upstreams.includes(upstream)) {
    const hint = didYouMean(upstream, upstreams);
    found.push({
      path: [...path, 'upstream'],
      at: 'value',
      message: `there is no upstream "${upstream}"${hint === undefined ? '' : `; ${hint}`}`,
    });
  } else if (typeof upstream === 'string' && upstream === route['upstream']) {
    found.push({ path: [...path, 'upstream'], at: 'value', message: 'is the upstream of the route itself', remedy: 'name another one' });
  }
  const isCached = route['cache'] !== undefined && route['cache'] !== false && asMap(route['cache'])['enabled'] !== false;
  if (stale !== undefined && !isCached)
    found.push({ path: [...path, 'stale'], at: 'key', message: 'needs a route that caches', remedy: 'add `cache: true` to the route' });
  return found;
}
