import type { ConfigPath, Finding } from './problem.ts';
import { asList, asMap, isMap, type RawMap } from './raw.ts';
import { didYouMean } from './suggest.ts';

/** The upstreams that a route sends to, one or several. Works on the unchecked value, as `semantics.ts` does. */

export type NamedUpstream = { readonly name: string; readonly path: ConfigPath };

/** Each with the place of its name; what is no name is left to the schema. */
export function upstreamsOf(route: RawMap, path: ConfigPath): NamedUpstream[] {
  const { upstream } = route;
  const at = [...path, 'upstream'];
  if (typeof upstream === 'string') return [{ name: upstream, path: at }];
  return asList(upstream).flatMap((part, i): NamedUpstream[] => {
    if (typeof part === 'string') return [{ name: part, path: [...at, i] }];
    const name = asMap(part)['name'];
    return typeof name === 'string' ? [{ name, path: [...at, i, 'name'] }] : [];
  });
}

export function checkUpstreams(route: RawMap, path: ConfigPath, known: readonly string[]): Finding[] {
  const named = upstreamsOf(route, path);
  return [...named.flatMap((one) => unknown(one, known)), ...twice(named), ...withoutWeight(route, path)];
}

/** What is allowed but probably not meant. */
export function warnParts(root: RawMap): Finding[] {
  return asList(root['routes']).flatMap((value, i) => {
    const route = asMap(value);
    return [...partsForNobody(route, ['routes', i]), ...oneCookieForTwo(route, root, ['routes', i])];
  });
}

function unknown({ name, path }: NamedUpstream, known: readonly string[]): Finding[] {
  if (known.includes(name)) return [];
  const remedy = didYouMean(name, known) ?? (known.length === 0 ? 'define it under `upstreams`' : undefined);
  return [{ path, at: 'value', message: `there is no upstream "${name}"`, remedy }];
}

function twice(named: readonly NamedUpstream[]): Finding[] {
  return named
    .filter(({ name }, at) => named.findIndex((other) => other.name === name) < at)
    .map(
      ({ name, path }): Finding => ({
        path,
        at: 'value',
        message: `"${name}" is already in this list`,
        remedy: 'add its weight to that of the first',
      }),
    );
}

function withoutWeight(route: RawMap, path: ConfigPath): Finding[] {
  const parts = asList(route['upstream']);
  if (parts.length === 0 || !parts.every((part) => isMap(part) && isZero(part['weight']))) return [];
  const remedy = 'give one of them a weight of at least 1';
  return [
    {
      path: [...path, 'upstream'],
      at: 'value',
      message: 'leaves nobody for requests without an override, since all weights are 0',
      remedy,
    },
  ];
}

function partsForNobody(route: RawMap, path: ConfigPath): Finding[] {
  return asList(route['upstream']).flatMap((part, i): Finding[] => {
    const { weight, when } = asMap(part);
    if (!isZero(weight) || when !== undefined) return [];
    return [{ path: [...path, 'upstream', i, 'weight'], at: 'value', message: 'gives it no request, since there is no `when`' }];
  });
}

/** Each would take the other's cookie for one that is gone, and write its own over it. */
function oneCookieForTwo(route: RawMap, root: RawMap, path: ConfigPath): Finding[] {
  const seen = new Set<string>();
  return upstreamsOf(route, path).flatMap(({ name, path: at }): Finding[] => {
    const sticky = asMap(asMap(root['upstreams'])[name])['sticky'];
    if (!isMap(sticky)) return [];
    const cookie = String(sticky['cookie'] ?? 'sluice_endpoint');
    if (!seen.has(cookie)) {
      seen.add(cookie);
      return [];
    }
    const message = `has the same sticky cookie "${cookie}" as another upstream of this route, so no client stays anywhere`;
    return [{ path: at, at: 'value', message, remedy: 'give each upstream a cookie of its own' }];
  });
}

function isZero(weight: unknown): boolean {
  return weight !== undefined && Number(weight) === 0;
}
