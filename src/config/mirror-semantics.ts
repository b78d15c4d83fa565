import { SAFE_METHODS } from '../http/methods.ts';
import type { ConfigPath, Finding } from './problem.ts';
import { asList, asMap, isMap, type RawMap } from './raw.ts';
import { upstreamsOf } from './split-semantics.ts';
import { didYouMean } from './suggest.ts';

/** Of a route's mirror; the name of its upstream. `undefined`: there is none. Works on the unchecked value, as `semantics.ts` does. */
export function mirrorUpstream(route: RawMap): string | undefined {
  const { mirror } = route;
  const name = isMap(mirror) ? mirror['upstream'] : mirror;
  return typeof name === 'string' ? name : undefined;
}

export function checkMirrors(root: RawMap): Finding[] {
  const known = Object.keys(asMap(root['upstreams']));
  const shadows = comparedShadows(root);
  return asList(root['routes']).flatMap((value, i) => {
    const route = asMap(value);
    const path = ['routes', i];
    return [
      ...unknownUpstream(route, path, known),
      ...beside(route, path),
      ...uncomparable(route, path),
      ...checkHolds(route, path, shadows),
    ];
  });
}

export function warnMirrors(root: RawMap): Finding[] {
  return asList(root['routes']).flatMap((value, i): Finding[] => {
    const route = asMap(value);
    const shadow = mirrorUpstream(route);
    if (shadow === undefined || !upstreamsOf(route, []).some(({ name }) => name === shadow) || Array.isArray(route['upstream'])) return [];
    return [{ path: ['routes', i, 'mirror'], at: 'key', message: `copies requests to the upstream that they go to, "${shadow}"` }];
  });
}

function unknownUpstream(route: RawMap, path: ConfigPath, known: readonly string[]): Finding[] {
  const name = mirrorUpstream(route);
  if (name === undefined || known.includes(name)) return [];
  const at = isMap(route['mirror']) ? [...path, 'mirror', 'upstream'] : [...path, 'mirror'];
  const remedy = didYouMean(name, known) ?? 'define it under `upstreams`';
  return [{ path: at, at: 'value', message: `there is no upstream "${name}"`, remedy }];
}

function beside(route: RawMap, path: ConfigPath): Finding[] {
  if (route['respond'] === undefined || route['mirror'] === undefined) return [];
  const message = 'cannot stand beside `respond`, since no request goes to an upstream';
  return [{ path: [...path, 'mirror'], at: 'key', message, remedy: 'remove one of the two' }];
}

function comparesAnything(mirror: RawMap): boolean {
  const { compare } = mirror;
  return compare !== undefined && compare !== false && compare !== 'false';
}

function uncomparable(route: RawMap, path: ConfigPath): Finding[] {
  const mirror = asMap(route['mirror']);
  const methods = asList(mirror['methods']).map((method) => String(method).toUpperCase());
  if (!comparesAnything(mirror) || methods.length === 0 || methods.some((method) => SAFE_METHODS.has(method))) return [];
  const message = 'compares nothing, since a request of none of `methods` may be sent to the live upstream twice';
  return [{ path: [...path, 'mirror', 'compare'], at: 'key', message, remedy: 'add a safe method, such as GET' }];
}

/** Upstreams whose answers some route compares. */
function comparedShadows(root: RawMap): ReadonlySet<string> {
  return new Set(
    asList(root['routes']).flatMap((value) => {
      const route = asMap(value);
      const name = mirrorUpstream(route);
      return name !== undefined && comparesAnything(asMap(route['mirror'])) ? [name] : [];
    }),
  );
}

function checkHolds(route: RawMap, path: ConfigPath, shadows: ReadonlySet<string>): Finding[] {
  const parts = asList(route['upstream']);
  const isHeld = (part: unknown): boolean => ![undefined, 'never'].includes(asMap(part)['holdOn'] as string | undefined);
  const findings = parts.flatMap((part, i): Finding[] => {
    const name = asMap(part)['name'];
    if (!isHeld(part) || typeof name !== 'string' || shadows.has(name)) return [];
    const message = `waits for a verdict that nobody gives, since no route has a \`mirror\` with \`compare\` to "${name}"`;
    return [{ path: [...path, 'upstream', i, 'holdOn'], at: 'value', message, remedy: 'add one, or remove `holdOn`' }];
  });
  const canAllBeHeld = parts.length > 0 && parts.every((part) => isHeld(part) || Number(asMap(part)['weight'] ?? 1) === 0);
  if (!canAllBeHeld || !parts.some(isHeld)) return findings;
  const message = 'leaves nobody for requests while all parts are held back';
  return [...findings, { path: [...path, 'upstream'], at: 'value', message, remedy: 'leave `holdOn` away from one that has a weight' }];
}
