import { parsePattern } from '../routing/pattern.ts';
import { compileRewrite } from '../routing/rewrite.ts';
import type { Found } from '../routing/route.ts';
import type { EndpointConfig, FieldEdits, GatewayConfig, RouteConfig, UpstreamConfig } from '../config/types.ts';
import { formatDuration, formatSize } from '../config/units.ts';
import { shareOf } from '../upstream/adaptive-gate.ts';
import { explainBalance, explainSplit, towards } from './explain-balance.ts';
import { explainCache } from './explain-cache.ts';
import { explainDedupe } from './explain-dedupe.ts';
import type { AskedRequest } from './explain-request.ts';

/** What the route that has the request does with it, a line each. */
export function explainRoute(found: Found<RouteConfig>, asked: AskedRequest, config: GatewayConfig): readonly string[] {
  const route = found.value;
  if (route.action.kind === 'split') {
    const part = explainSplit(route.action.parts, asked);
    const apart = route.cache === undefined ? [] : ['split of the cache: the upstream is in each key'];
    return [...part.lines, ...apart, ...explainRoute({ ...found, value: towards(route, part) }, asked, config)];
  }
  const answered = answeredBy(route, config);
  if (typeof answered === 'string') return [answered, ...fieldLines(route)];
  return [
    `upstream ${answered.name}: ${endpointsText(answered)}`,
    ...explainBalance(answered, asked, config),
    `target: ${targetOf(found, asked)}`,
    `host: ${answered.host === 'client' ? `the client's, ${asked.facts.head.authority || '(none)'}` : "the endpoint's own"}`,
    `credentials: ${answered.forwardCredentials ? 'forwarded' : 'stripped'}`,
    ...adaptiveLines(answered, route),
    ...fieldLines(route),
    `body: ${route.maxBodyBytes === 0 ? 'any size' : `at most ${formatSize(route.maxBodyBytes)}`}`,
    `deadline: ${route.timeoutMs === 0 ? 'none' : formatDuration(route.timeoutMs)}`,
    ...(route.filters.length === 0 ? [] : [`filters: ${route.filters.map(({ module }) => module).join(', ')}`]),
    ...explainCache(route, asked, config.listeners),
    ...explainDedupe(route, asked),
  ];
}

/** The upstream, or what the gateway answers by itself. */
function answeredBy({ action }: RouteConfig, config: GatewayConfig): UpstreamConfig | string {
  if (action.kind === 'respond') return `answered by the gateway: ${action.respond.status}`;
  if (action.kind === 'split') return 'one of several';
  return config.upstreams.find(({ name }) => name === action.upstream) ?? `there is no upstream ${action.upstream}`;
}

/** Where the limit stands only the running process knows: its metrics tell. */
function adaptiveLines({ adaptive }: UpstreamConfig, { shedPriority }: RouteConfig): string[] {
  if (adaptive === undefined) return [];
  const { algorithm, minLimit, maxLimit, targetMs } = adaptive;
  const by = algorithm === 'aimd' ? `answers within ${formatDuration(targetMs)}` : 'how much slower answers are than without a queue';
  const share = `${Math.round(shareOf(shedPriority) * 100)}%`;
  return [
    `in flight: ${minLimit} to ${maxLimit} on the host, by ${by} (${algorithm}); this route, priority ${shedPriority}, fills ${share} of that; over it 503`,
  ];
}

function endpointsText({ endpoints, discovery }: UpstreamConfig): string {
  const found = discovery === undefined ? [] : [`what ${discovery.question.kind} discovery finds`];
  return [...endpoints.map(endpointText), ...found].join(', ');
}

function endpointText({ url, weight, priority, zone }: EndpointConfig): string {
  const notes = [
    weight === 1 ? '' : `weight ${weight}`,
    priority === 0 ? '' : `priority ${priority}`,
    zone === '' ? '' : `zone ${zone}`,
  ].filter((note) => note !== '');
  return notes.length === 0 ? url : `${url} (${notes.join(', ')})`;
}

function targetOf({ value: route, captures }: Found<RouteConfig>, { facts }: AskedRequest): string {
  const parsed = parsePattern(route.match.path);
  const compiled = parsed.kind === 'ok' ? compileRewrite(parsed.pattern, route) : undefined;
  const rewrite = compiled?.kind === 'ok' ? compiled.rewrite : null;
  if (rewrite === null) return `${facts.target}, as received`;
  return `${rewrite(captures, facts)}, ${route.rewritePath === undefined ? 'prefix stripped' : `rewritten by ${route.rewritePath}`}`;
}

function fieldLines({ requestFields, responseFields }: RouteConfig): string[] {
  return [editText('request fields', requestFields), editText('response fields', responseFields)].filter((line) => line !== '');
}

/** Names only: values may be secrets. */
function editText(what: string, { set, remove, allow }: FieldEdits): string {
  const parts = [
    allow === undefined ? '' : `only ${allow.join(', ') || 'none'} of the client's`,
    remove.length === 0 ? '' : `without ${remove.join(', ')}`,
    set.length === 0 ? '' : `set ${set.map(([name]) => name).join(', ')}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : `${what}: ${parts.join('; ')}`;
}
