import type { ConfigPath, Finding } from './problem.ts';
import { asList, asMap, type RawMap } from './raw.ts';

/** What is allowed of balancing, but probably not meant. Works on the unchecked value, as `semantics.ts` does. */
export function warnBalance(root: RawMap): Finding[] {
  return Object.entries(asMap(root['upstreams'])).flatMap(([name, value]) => {
    const upstream = asMap(value);
    const path = ['upstreams', name];
    return [
      ...uselessSettings(upstream['balance'], [...path, 'balance']),
      ...strangeZone(upstream, path),
      ...nobodyIsConsumer(upstream, root, path),
    ];
  });
}

/** Whether some upstream keeps a client at an endpoint by this. */
export function isBalancedBy(root: RawMap, key: string): boolean {
  return Object.values(asMap(root['upstreams'])).some((upstream) => asMap(asMap(upstream)['balance'])['key'] === key);
}

/** By which methods a setting is looked at. */
const USED_BY: Readonly<Record<string, readonly string[]>> = {
  choices: ['least-requests'],
  key: ['ring-hash', 'maglev'],
  boundedLoad: ['ring-hash', 'maglev'],
  ringSize: ['ring-hash'],
};

function uselessSettings(balance: unknown, path: ConfigPath): Finding[] {
  const settings = asMap(balance);
  const method = String(settings['method'] ?? 'round-robin');
  return Object.entries(USED_BY).flatMap(([key, methods]): Finding[] => {
    if (settings[key] === undefined || methods.includes(method)) return [];
    const message = `has no effect with ${method}, only with ${methods.join(' and ')}`;
    return [{ path: [...path, key], at: 'key', message }];
  });
}

/** Endpoints that are found later may be in it. */
function strangeZone(upstream: RawMap, path: ConfigPath): Finding[] {
  const { zone, discovery } = upstream;
  if (typeof zone !== 'string' || zone === '' || discovery !== undefined) return [];
  if (asList(upstream['endpoints']).some((endpoint) => asMap(endpoint)['zone'] === zone)) return [];
  return [{ path: [...path, 'zone'], at: 'value', message: 'has no effect, since no endpoint is in this zone' }];
}

function nobodyIsConsumer(upstream: RawMap, root: RawMap, path: ConfigPath): Finding[] {
  if (asMap(upstream['balance'])['key'] !== 'consumer' || root['consumers'] !== undefined) return [];
  return [{ path: [...path, 'balance', 'key'], at: 'value', message: 'is the address of the client, since there are no `consumers`' }];
}
