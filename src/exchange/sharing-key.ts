import { clientAddressOf } from './client-address.ts';
import { createHash } from 'node:crypto';
import { type CacheUri, normalisedOrigin } from '../cache/cache-key.ts';
import { requestUri } from '../cache/cache-request.ts';
import { nominatedNames } from '../http/connection-options.ts';
import { hyphened, isCredentialName } from '../http/credential-fields.ts';
import { type FieldEdits, isDroppedByEdits } from '../http/field-edits.ts';
import { OVERRIDES } from '../http/known-fields.ts';
import { KEEP } from '../http/kept-lines.ts';
import type { RequestHead } from '../http/request-head.ts';
import { BY_ADDRESS, parseVary, selectingPairs, VARY_ANY } from '../http/vary.ts';
import { keyParameters } from './asker-shown.ts';
import type { BodyCollector } from './body-collector.ts';
import { originOf } from './cache-origin.ts';
import type { Exchange } from './exchange.ts';
import { splitHead } from './filter-run.ts';
import { variesByFilters } from './filter-steps.ts';
import type { RoutePlan } from './plan.ts';
import type { SharingPlan } from './sharing-plan.ts';

/** By what two requests are known to be one. */

/** They tell of the way and the moment of a request, not of what it asks: no two requests need have them in common. */
const PASSING = new Set([
  ...['via', 'forwarded', 'cdn-loop', 'x-request-id', 'x-correlation-id', 'request-id', 'x-request-start', 'x-queue-start', 'date'],
  ...['traceparent', 'tracestate', 'baggage', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-flags'],
  ...['x-amzn-trace-id', 'x-cloud-trace-context', 'sentry-trace', 'uber-trace-id', 'newrelic', 'x-datadog-trace-id'],
  ...['x-datadog-parent-id', 'x-datadog-sampling-priority', 'x-datadog-origin', 'x-datadog-tags', 'cf-ray', 'x-forwarded-ssl', 'priority'],
]);

/** They choose the form of the answer, or even what is done: they count whatever the configuration names. */
const TELLING = new Set([
  ...['accept', 'accept-charset', 'accept-encoding', 'accept-language', 'prefer', 'origin', 'cache-control', 'pragma'],
  ...['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'],
  ...['content-type', 'content-encoding', 'content-language', 'content-range'],
  ...OVERRIDES,
  ...['soapaction', 'if', 'destination', 'depth', 'overwrite', 'upload-offset'],
]);

/** In place of what somebody who is not trusted says of himself: it makes nobody the one who is believed. */
const UNBELIEVED = '!\n';
/** Of a connection, or written by ourselves. Where filters write the upstream's head, all other fields may count. */
const OF_THE_WAY = new Set([
  ...['host', 'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'http2-settings', 'transfer-encoding'],
  ...['content-length', 'expect', 'max-forwards', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'],
  ...['x-real-ip', 'forwarded'],
]);

/**
 * The key of a request: as long as one is under way, all others with it are one with it. Apart from the keys of the cache, which begin
 * with the name of a route. `collector` has the whole of its body. `isRepeatable`: two requests of it are no more than one.
 */
export function sharingKey(exchange: Exchange, sharing: SharingPlan, of: { collector: BodyCollector; isRepeatable: boolean }): string {
  const { config, namespace } = sharing;
  const { head } = exchange;
  const { key } = config;
  const origin = originOf(exchange);
  const method = key.hasMethod || head.method === 'HEAD' ? head.method : of.isRepeatable ? 'any' : 'once';
  const url = key.hasUrl ? `${uriText(requestUri(head, origin.scheme))} ${head.target}${origin.beside ?? ''}` : '';
  const address = key.hasAddress ? clientAddressOf(exchange) : '';
  const text = `${namespace}\n${method}\n${address}\n${fieldLines(exchange, sharing)}\n${url}`;
  const digest = key.hasBody ? of.collector.digest(text) : createHash('sha256').update(text, 'latin1').digest('base64url');
  return `\nD\n${digest}`;
}

/** `bumpUrl` name for what is under way to this URI: an answer to a write of it makes that too old for who asks afterwards. */
export function epochNameOfSharing(uri: CacheUri): string {
  return `D ${uriText(uri)}`;
}

export function epochNameOf(exchange: Exchange): string {
  return epochNameOfSharing(requestUri(exchange.head, exchange.listener?.proto === 'https' ? 'https' : 'http'));
}

function uriText(uri: CacheUri): string {
  return `${normalisedOrigin(uri)}${uri.path}${uri.query}`;
}

/** The fields that count, a line each, in the order sent. */
function fieldLines(exchange: Exchange, sharing: SharingPlan): string {
  const { head, listener, port, plan, filters } = exchange;
  if (plan === null) return '';
  const { kinds, starts, nameEnds, valueStarts, valueEnds, count } = head.marks;
  const { forward } = plan;
  const isTrusted = listener?.isTrusted(port?.remoteAddress ?? '') === true;
  const actions = isTrusted ? forward.fromTrusted : forward.fromUntrusted;
  const nominated = head.hasNominated ? nominatedNames(head) : undefined;
  let lines = filters?.tellsUpstream === true ? linesForFilters(filters.received, plan, sharing) : '';
  // Elsewhere the whole target is.
  if (!sharing.config.key.hasUrl) for (const pair of keyParameters(exchange)) lines += `?${pair}\n`;
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    const name = head.text.slice(start, nameEnds[i]).toLowerCase();
    const isIdentity = forward.identityFields.has(hyphened(name));
    if (isIdentity && !isTrusted) {
      lines += UNBELIEVED;
      continue;
    }
    const isForwarded = actions[kinds[i] ?? 0] === KEEP && nominated?.has(name) !== true && !isEdited(forward.edits, head, start, i);
    if (!sharing.chosen.has(hyphened(name)) && !(isForwarded && (isIdentity || isCountedFor(hyphened(name), plan, sharing)))) continue;
    lines += `${name}:${head.text.slice(valueStarts[i], valueEnds[i])}\n`;
  }
  return lines;
}

/** What the client sent, whether or not it goes on as it is: a filter may tell the upstream in its own words. */
function linesForFilters(received: string, plan: RoutePlan, sharing: SharingPlan): string {
  const counted = splitHead(received)
    .fields.entries()
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !OF_THE_WAY.has(name) && isCountedFor(hyphened(name), plan, sharing));
  return `${counted.map(([name, value]) => `${name}:${value}\n`).join('')}\n`;
}

function isEdited(edits: FieldEdits | undefined, head: RequestHead, start: number, at: number): boolean {
  return edits !== undefined && isDroppedByEdits(edits, head.text, start, head.marks.nameEnds[at] ?? 0);
}

/** A secret key of a client's counts whatever its field is called. */
function isCountedFor(name: string, { forward }: RoutePlan, sharing: SharingPlan): boolean {
  return forward.credentialFields.has(name) || isCounted(name, sharing);
}

/** Of a field that the upstream gets; hyphens in its name. */
function isCounted(name: string, { config, chosen }: SharingPlan): boolean {
  if (chosen.has(name) || TELLING.has(name)) return true;
  if (config.key.hasHeaders) return !PASSING.has(name);
  return isCredentialName(name);
}

/** By what an answer says to vary beside the key, for `isSelected`; it has `*` where that cannot be told. */
export function varyingPairs(vary: string | undefined, exchange: Exchange, sharing: SharingPlan): readonly string[] {
  const names = parseVary(vary);
  if (names.length === 0 || names === VARY_ANY) return names;
  if (variesByFilters(exchange, vary)) return VARY_ANY;
  if (!sharing.config.key.hasAddress && names.some((name) => BY_ADDRESS.has(name))) return VARY_ANY;
  const forward = exchange.plan?.forward;
  const isTold = (name: string): boolean => forward?.edits?.drops.has(name) !== true && forward?.identityFields.has(name) !== true;
  const differing = names.filter((name) => !isCounted(name, sharing) && isTold(name));
  return selectingPairs(differing, exchange.head);
}
