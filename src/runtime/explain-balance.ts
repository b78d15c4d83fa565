import { hash32 } from '../base/hash32.ts';
import { type BalanceConfig, type BalanceKey, isHashing, type SplitPart } from '../config/balance-types.ts';
import type { EndpointConfig, GatewayConfig, RouteConfig, UpstreamConfig } from '../config/types.ts';
import { formatDuration } from '../config/units.ts';
import { balanceText } from '../exchange/balance-key.ts';
import { Split } from '../exchange/split.ts';
import { Consumers } from '../policy/consumers.ts';
import { describeMatch } from '../routing/value-match.ts';
import { SEED_BYTES } from '../shm/keyed-hash.ts';
import { makeBalancer } from '../upstream/balancer.ts';
import { FULL_WEIGHT } from '../upstream/endpoint-memory.ts';
import { levelAt, levelsOf, OVERPROVISIONING, pointOfKey } from '../upstream/levels.ts';
import type { AskedRequest } from './explain-request.ts';

/** Which upstream has the request, of several, and which of its endpoints; a line each. */

export type ExplainedPart = { readonly upstream: string; readonly timeoutMs: number; readonly lines: readonly string[] };

/** By what it asks for, else the heaviest, for what follows. */
export function explainSplit(parts: readonly SplitPart[], { facts }: AskedRequest): ExplainedPart {
  const sum = parts.reduce((total, { weight }) => total + weight, 0);
  const shares = parts.map(({ upstream, weight, when }) => {
    const asked = when.map(({ on, name, match }) => `${on} ${name} ${describeMatch(match)}`).join(' or ');
    return `${percentText(weight / sum)} to ${upstream}${asked === '' ? '' : ` (all with ${asked})`}`;
  });
  const plans = parts.map((part) => ({ upstreamName: part.upstream, part }));
  const override = new Split(parts, plans).askedBy(facts);
  const heaviest = parts.reduce((most, part) => (part.weight > most.weight ? part : most));
  const { upstream, timeoutMs } = override?.part ?? heaviest;
  const why = override === undefined ? `by weight; what follows is that of ${upstream}` : `${upstream}, for which it asks`;
  return { upstream, timeoutMs, lines: [`split: ${shares.join(', ')}`, `split of this request: ${why}`] };
}

/** Nothing of an upstream with one endpoint, or that takes turns. */
export function explainBalance(upstream: UpstreamConfig, asked: AskedRequest, config: GatewayConfig): readonly string[] {
  const { balance, sticky } = upstream;
  const lines = sticky === undefined ? [] : [`sticky: the endpoint that cookie ${sticky.cookie} names, where it can be asked`];
  if (upstream.endpoints.length === 1 || balance.method === 'round-robin') return lines;
  const bound = isHashing(balance) && balance.boundedLoad !== 0 ? `, none above ${balance.boundedLoad} times its part` : '';
  const slow = balance.slowStartMs === 0 ? '' : `, slow start ${formatDuration(balance.slowStartMs)}`;
  return [...lines, `balance: ${methodText(balance)}${bound}${slow}`, ...homeLines(upstream, asked, config)];
}

function methodText({ method, choices, key }: BalanceConfig): string {
  if (method === 'least-requests') return `${method}, the less busy of ${choices}`;
  return method === 'ring-hash' || method === 'maglev' ? `${method} by ${keyText(key)}` : method;
}

function keyText(key: BalanceKey): string {
  return key.kind === 'header' || key.kind === 'cookie' ? `${key.kind} ${key.name}` : key.kind;
}

function homeLines(upstream: UpstreamConfig, asked: AskedRequest, config: GatewayConfig): string[] {
  if (!isHashing(upstream.balance)) return [];
  const text = balanceText(upstream.balance.key, {
    path: asked.facts.path,
    field: (name) => asked.facts.field(name),
    consumer: () => consumerOf(asked, config),
    address: () => asked.clientIp ?? '',
  });
  if (text === '') return ['endpoint of this request: --ip would tell'];
  const { url } = homeOf(upstream, hash32(text));
  return [`endpoint of this request: ${url}, while all are well`];
}

function consumerOf({ facts }: AskedRequest, { consumers }: GatewayConfig): string {
  if (consumers === undefined) return '';
  const query = new URLSearchParams(facts.queryText);
  const told = {
    isFromTrustedProxy: true,
    field: (name: string) => facts.field(name),
    query: (name: string) => query.get(name) ?? undefined,
  };
  return new Consumers(consumers, new Uint8Array(SEED_BYTES)).who(told).name;
}

function homeOf({ endpoints, balance, zone }: UpstreamConfig, key: number): Pick<EndpointConfig, 'url'> {
  const standings = endpoints.map(({ priority, zone: own, weight }, index) => {
    return { index, priority, zone: own, weight, share: FULL_WEIGHT, isUsable: true };
  });
  const levels = levelsOf(standings, { panicThreshold: balance.panicThreshold, overprovisioning: OVERPROVISIONING, zone });
  const level = levels[levelAt(levels, pointOfKey(key))];
  if (level === undefined) return { url: 'none' };
  const used = level.indices.flatMap((index) => endpoints[index] ?? []);
  const balancer = makeBalancer(balance, {
    names: used.map(({ host, port }) => `${host}:${port}`),
    weights: level.weights,
    fullWeight: level.fullWeight,
    inFlightOf: () => 0,
    random: () => 0,
  });
  return used[balancer.pick(key, -1)] ?? { url: 'none' };
}

function percentText(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}

/** Of the route as it is towards that upstream. */
export function towards(route: RouteConfig, { upstream, timeoutMs }: ExplainedPart): RouteConfig {
  return { ...route, action: { kind: 'upstream', upstream }, timeoutMs };
}
