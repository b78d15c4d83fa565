import { isLoopback, parseListen } from './address.ts';
import { warnBalance } from './balance-semantics.ts';
import { checkCaches, warnCaches } from './cache-semantics.ts';
import { checkDedupe, warnDedupe } from './dedupe-semantics.ts';
import { checkFallbacks } from './fallback-semantics.ts';
import { UWS_MAX_FIELDS } from './compile.ts';
import { checkLimits } from './limit-semantics.ts';
import { warnLimits } from './limit-warnings.ts';
import type { ConfigPath, Finding } from './problem.ts';
import { asList, asMap, isMap, isSwitchedOn } from './raw.ts';
import { checkMirrors, mirrorUpstream, warnMirrors } from './mirror-semantics.ts';
import { checkUpstreams, upstreamsOf, warnParts } from './split-semantics.ts';

/**
 * What one part of the configuration says about another. Works on the unchecked value, so that one run reports these beside
 * what the schema finds; whatever is not of the right kind is left to the schema.
 */
export function checkAcross(raw: unknown): Finding[] {
  const root = asMap(raw);
  const listeners = asList(root['listeners']);
  const routes = asList(root['routes']);
  return [
    ...duplicates(namesIn(listeners, 'listeners'), 'the name of a listener'),
    ...duplicates(namesIn(routes, 'routes'), 'the name of a route'),
    ...duplicates(addresses(root), 'an address to listen on'),
    ...routes.flatMap((route, i) => checkTarget(asMap(route), ['routes', i], Object.keys(asMap(root['upstreams'])))),
    ...listeners.flatMap((listener, i) => checkUws(asMap(listener), ['listeners', i])),
    ...checkAdmin(root['admin']),
    ...checkSharding(root),
    ...checkCaches(root),
    ...checkDedupe(root),
    ...checkMirrors(root),
    ...checkLimits(root),
    ...checkFallbacks(root),
  ];
}

/** What is allowed but probably not meant. */
export function warnAcross(raw: unknown): Finding[] {
  const root = asMap(raw);
  const used = new Set(
    asList(root['routes']).flatMap((route) => [
      mirrorUpstream(asMap(route)),
      ...upstreamsOf(asMap(route), []).map(({ name }) => name),
      asMap(asMap(route)['fallback'])['upstream'],
    ]),
  );
  const unused = Object.keys(asMap(root['upstreams'])).filter((name) => !used.has(name));
  return [
    ...unused.map((name): Finding => ({ path: ['upstreams', name], at: 'key', message: 'is not used by any route' })),
    ...asList(root['listeners']).flatMap((listener, i) => trustsEverybody(asMap(listener), ['listeners', i])),
    ...asList(root['routes']).flatMap((route, i) => uselessBesideRespond(asMap(route), ['routes', i])),
    ...warnBalance(root),
    ...warnParts(root),
    ...warnCaches(root),
    ...warnDedupe(root),
    ...warnMirrors(root),
    ...asList(root['routes']).flatMap((route, i) => uselessShed(asMap(route), ['routes', i], root)),
    ...warnLimits(root),
  ];
}

type Named = { readonly name: string; readonly path: ConfigPath };

function namesIn(list: readonly unknown[], key: string): Named[] {
  return list.flatMap((item, i) => {
    const name = asMap(item)['name'];
    return typeof name === 'string' ? [{ name, path: [key, i, 'name'] }] : [];
  });
}

function addresses(root: ReturnType<typeof asMap>): Named[] {
  const places: [unknown, ConfigPath][] = asList(root['listeners']).map((listener, i) => listenOf(listener, ['listeners', i]));
  if (root['admin'] !== undefined) places.push(listenOf(root['admin'], ['admin']));
  return places.flatMap(([text, path]) => {
    const address = typeof text === 'string' ? parseListen(text) : undefined;
    if (address?.kind !== 'ok' || address.value.port === 0) return [];
    return [{ name: `${address.value.host} port ${address.value.port}`, path }];
  });
}

/** The address text of a listener or of admin, in either form. */
function listenOf(value: unknown, path: ConfigPath): [unknown, ConfigPath] {
  return isMap(value) ? [value['listen'], [...path, 'listen']] : [value, path];
}

function duplicates(named: readonly Named[], what: string): Finding[] {
  const seen = new Set<string>();
  return named.flatMap(({ name, path }): Finding[] => {
    if (seen.has(name)) return [{ path, at: 'value', message: `"${name}" is already ${what}` }];
    seen.add(name);
    return [];
  });
}

function checkTarget(route: ReturnType<typeof asMap>, path: ConfigPath, upstreams: readonly string[]): Finding[] {
  const { upstream, respond, compose } = route;
  if (compose !== undefined) return [];
  if (upstream !== undefined && respond !== undefined) {
    return [{ path: [...path, 'respond'], at: 'key', message: 'cannot stand beside `upstream`', remedy: 'remove one of the two' }];
  }
  if (upstream === undefined && respond === undefined) {
    return [{ path, at: 'value', message: 'must have `upstream` or `respond`' }];
  }
  return checkUpstreams(route, path, upstreams);
}

/** Options that uWebSockets.js does not offer. */
function checkUws(listener: ReturnType<typeof asMap>, path: ConfigPath): Finding[] {
  if (listener['engine'] !== 'uws') return [];
  const findings: Finding[] = [];
  const refuse = (steps: ConfigPath, message: string): void => {
    findings.push({ path: [...path, ...steps], at: 'key', message, remedy: 'remove it or use engine node' });
  };
  if (listener['backlog'] !== undefined) refuse(['backlog'], 'cannot be set with engine uws');
  for (const key of ['head', 'keepAlive']) {
    if (asMap(listener['timeouts'])[key] !== undefined) refuse(['timeouts', key], 'cannot be set with engine uws, where it is 10s');
  }
  const maxFields = Number(asMap(listener['limits'])['maxFields']);
  if (maxFields > UWS_MAX_FIELDS) refuse(['limits', 'maxFields'], `must not be above ${UWS_MAX_FIELDS} with engine uws`);
  return findings;
}

function checkAdmin(admin: unknown): Finding[] {
  const [text, path] = listenOf(admin, ['admin']);
  const address = typeof text === 'string' ? parseListen(text) : undefined;
  if (address?.kind !== 'ok' || !needsAdminToken(address.value.host) || asMap(admin)['token'] !== undefined) return [];
  const remedy = 'add a `token`, best from the environment, or listen on 127.0.0.1';
  return [{ path, at: 'value', message: 'is not a loopback address, so `admin.token` is required', remedy }];
}

/** Whoever reaches the admin listener can read the configuration and stop the process: off loopback that takes a token. */
export function needsAdminToken(host: string): boolean {
  return !isLoopback(host);
}

/** Only apps of uWebSockets.js can hand connections to one another. */
function checkSharding(root: ReturnType<typeof asMap>): Finding[] {
  if (root['sharding'] !== 'acceptor') return [];
  const remedy = 'add `engine: uws`, or remove `sharding`';
  const message = 'must have engine uws, since `sharding: acceptor` hands connections between apps of uWebSockets.js';
  const listeners = root['listeners'];
  if (listeners === undefined) return [{ path: ['sharding'], at: 'value', message: 'needs listeners with engine uws', remedy }];
  return asList(listeners).flatMap((listener, i): Finding[] => {
    const engine = asMap(listener)['engine'];
    if (engine === 'uws') return [];
    return [{ path: engine === undefined ? ['listeners', i] : ['listeners', i, 'engine'], at: 'value', message, remedy }];
  });
}

function trustsEverybody(listener: ReturnType<typeof asMap>, path: ConfigPath): Finding[] {
  return asList(listener['trustedProxies']).flatMap((block, i): Finding[] => {
    if (block !== '0.0.0.0/0' && block !== '::/0') return [];
    return [{ path: [...path, 'trustedProxies', i], at: 'value', message: 'believes the client address that any client claims' }];
  });
}

/** A priority is one among the requests of an upstream that is limited. */
function uselessShed(route: ReturnType<typeof asMap>, path: ConfigPath, root: ReturnType<typeof asMap>): Finding[] {
  const named = upstreamsOf(route, path);
  if (route['shed'] === undefined || named.length === 0) return [];
  const isLimited = ({ name }: { readonly name: string }): boolean => isSwitchedOn(asMap(asMap(root['upstreams'])[name])['adaptive']);
  if (named.some(isLimited)) return [];
  const names = named.map(({ name }) => `"${name}"`).join(', ');
  return [{ path: [...path, 'shed'], at: 'key', message: `has no effect, since upstream ${names} has no \`adaptive\`` }];
}

const FORWARDING_KEYS = ['stripPrefix', 'rewrite', 'redirects', 'timeout'];

function uselessBesideRespond(route: ReturnType<typeof asMap>, path: ConfigPath): Finding[] {
  if (route['respond'] === undefined) return [];
  return FORWARDING_KEYS.filter((key) => route[key] !== undefined).map((key) => ({
    path: [...path, key],
    at: 'key',
    message: 'has no effect on a route with `respond`',
  }));
}
