import { never } from '../base/never.ts';
import { nominatedNames } from './connection-options.ts';
import { compileFieldEdits, type FieldEditRules, type FieldEdits } from './field-edits.ts';
import { fieldValueOfKind } from './fields.ts';
import { identityLines } from './identity.ts';
import { DROP, keptLines, keptLinesByName } from './kept-lines.ts';
import {
  FIELD_AUTHORIZATION,
  FIELD_CDN_LOOP,
  FIELD_CONTENT_LENGTH,
  FIELD_COOKIE,
  FIELD_EXPECT,
  FIELD_FORWARDED,
  FIELD_HOST,
  FIELD_KINDS,
  FIELD_LOOKALIKE,
  FIELD_MAX_FORWARDS,
  FIELD_VIA,
  FIELD_X_FORWARDED_FOR,
  FIELD_X_FORWARDED_HOST,
  FIELD_X_FORWARDED_OTHER,
  FIELD_X_FORWARDED_PORT,
  FIELD_X_FORWARDED_PROTO,
  FIELD_X_REAL_IP,
  FIELD_X_REQUEST_ID,
  isHopByHop,
} from './known-fields.ts';
import { parseLength } from './request-fields.ts';
import { hasField, type RequestHead } from './request-head.ts';
import { MINORS } from './status.ts';
import { DIGIT, isAll } from './tokens.ts';

/** How the body that follows is framed on the upstream connection. */
export type BodyFraming = 'none' | 'length' | 'chunked';

/** What a route and its upstream say about forwarded requests, as configured. */
export type ForwardSettings = {
  readonly forwardCredentials: boolean;
  /** Whose authority becomes `Host`. */
  readonly host: 'client' | 'upstream';
  readonly requestFields: FieldEditRules;
  /** This gateway in `Via` and `CDN-Loop`: see `viaPseudonym`. */
  readonly pseudonym: string;
  /** Emit `Forwarded` beside `X-Forwarded-…`. */
  readonly forwarded: boolean;
  /** `set`: `X-Request-ID` is written from `ForwardFacts.requestId`, the client's is dropped; `pass`: the client's passes. */
  readonly requestId: 'set' | 'pass';
  /** Lower-case names of further fields that identify the client: dropped from peers that are not trusted. */
  readonly identityFields?: readonly string[];
  /** … and that are a secret of the client's, as Authorization is. */
  readonly credentialFields?: readonly string[];
};

/** The same made ready at load; frozen. */
export type ForwardPolicy = {
  readonly host: 'client' | 'upstream';
  /** `Host` of `requestFields.set`; stands above `host`. */
  readonly hostOverride: string | undefined;
  readonly edits: FieldEdits | undefined;
  readonly editsOfUntrusted: FieldEdits | undefined;
  /** `identityFields` of the settings: what stands in them is believed of trusted peers alone. */
  readonly identityFields: ReadonlySet<string>;
  /** `credentialFields` of the settings, whether or not they go on. */
  readonly credentialFields: ReadonlySet<string>;
  readonly emitForwarded: boolean;
  readonly setsRequestId: boolean;
  /** What becomes of each kind of line, by the peer's standing. */
  readonly fromTrusted: Uint8Array;
  readonly fromUntrusted: Uint8Array;
  /** Bits `1 << kind` of own fields that the rules remove or set: they are not written. */
  readonly suppressed: number;
  /** `Via` and `CDN-Loop` lines, by the minor version that the request came in (RFC 9110 7.6.3). */
  readonly passages: readonly string[];
};

/** What one exchange adds: a hot object, made once with its exchange, every field set before each use. */
export class ForwardFacts {
  /** Already rewritten, with its query. */
  target = '';
  /** Host[:port] of the chosen endpoint. */
  upstreamAuthority = '';
  peerAddress = '';
  /** Of `clientAddress`; the peer's own where it is not trusted. */
  clientAddress = '';
  isTrustedPeer = false;
  proto: 'http' | 'https' = 'http';
  listenerPort = 0;
  framing: BodyFraming = 'none';
  /** With framing `length`. */
  contentLength = 0;
  /** With `requestId: 'set'`: a field value. */
  requestId = '';
  /** Ask the upstream to say 100 before the body is sent. */
  forwardExpect = false;
}

/** Kinds that every request gets anew or that the gateway accounts for itself. */
const OWN_KINDS = [
  FIELD_HOST,
  FIELD_CONTENT_LENGTH,
  FIELD_EXPECT,
  FIELD_MAX_FORWARDS,
  FIELD_X_FORWARDED_FOR,
  FIELD_X_FORWARDED_PROTO,
  FIELD_X_FORWARDED_HOST,
  FIELD_X_FORWARDED_PORT,
  FIELD_X_REAL_IP,
  FIELD_LOOKALIKE,
] as const;

const CREDENTIAL_KINDS = [FIELD_AUTHORIZATION, FIELD_COOKIE] as const;

/** Lower-case names of own fields that `requestFields` may remove or replace. */
const SUPPRESSIBLE: ReadonlyMap<string, number> = new Map([
  ['max-forwards', FIELD_MAX_FORWARDS],
  ['x-forwarded-for', FIELD_X_FORWARDED_FOR],
  ['x-forwarded-proto', FIELD_X_FORWARDED_PROTO],
  ['x-forwarded-host', FIELD_X_FORWARDED_HOST],
  ['x-forwarded-port', FIELD_X_FORWARDED_PORT],
  ['x-real-ip', FIELD_X_REAL_IP],
  ['forwarded', FIELD_FORWARDED],
  ['via', FIELD_VIA],
  ['cdn-loop', FIELD_CDN_LOOP],
  ['x-request-id', FIELD_X_REQUEST_ID],
]);

export function compileForwardPolicy(settings: ForwardSettings): ForwardPolicy {
  const isSetHost = ([name]: readonly [string, string]): boolean => name.toLowerCase() === 'host';
  const rules = { ...settings.requestFields, set: settings.requestFields.set.filter((pair) => !isSetHost(pair)) };
  const { identityFields = [], credentialFields = [], forwardCredentials } = settings;
  const secret = { ...rules, remove: forwardCredentials ? rules.remove : [...rules.remove, ...credentialFields] };
  const edits = compileFieldEdits(secret);
  let suppressed = 0;
  for (const [name, kind] of SUPPRESSIBLE) if (edits?.drops.has(name)) suppressed |= 1 << kind;
  const setsRequestId = settings.requestId === 'set' && (suppressed & (1 << FIELD_X_REQUEST_ID)) === 0;
  const dropped = [...OWN_KINDS, ...(settings.forwardCredentials ? [] : CREDENTIAL_KINDS), ...(setsRequestId ? [FIELD_X_REQUEST_ID] : [])];
  return Object.freeze({
    host: settings.host,
    hostOverride: settings.requestFields.set.find(isSetHost)?.[1],
    edits,
    editsOfUntrusted: identityFields.length === 0 ? edits : compileFieldEdits({ ...secret, remove: [...secret.remove, ...identityFields] }),
    identityFields: new Set(identityFields),
    credentialFields: new Set(credentialFields),
    emitForwarded: settings.forwarded && (suppressed & (1 << FIELD_FORWARDED)) === 0,
    setsRequestId,
    fromTrusted: compileActions(dropped),
    fromUntrusted: compileActions([...dropped, FIELD_FORWARDED, FIELD_X_FORWARDED_OTHER]),
    suppressed,
    passages: MINORS.map((minor) => passageLines(`1.${minor}`, settings.pseudonym, suppressed)),
  });
}

function compileActions(dropped: readonly number[]): Uint8Array {
  const actions = new Uint8Array(FIELD_KINDS);
  for (let kind = 0; kind < FIELD_KINDS; kind++) if (isHopByHop(kind)) actions[kind] = DROP;
  for (const kind of dropped) actions[kind] = DROP;
  return actions;
}

/** Own lines after those of earlier gateways, which are copied as they stand: one list in two lines (RFC 9110 5.3). */
function passageLines(version: string, pseudonym: string, suppressed: number): string {
  const via = (suppressed & (1 << FIELD_VIA)) === 0 ? `Via: ${version} ${pseudonym}\r\n` : '';
  return (suppressed & (1 << FIELD_CDN_LOOP)) === 0 ? `${via}CDN-Loop: ${pseudonym}\r\n` : via;
}

/**
 * The request head for the origin, whole, with its empty line. The client's lines pass as they stand but for those that end
 * at this hop (RFC 9110 7.6.1), that `Connection` nominates, that identify (from peers not trusted), that hold credentials
 * (unless the upstream may see them), and that rules drop. Host, identity, Via and the framing are written afresh from what was
 * understood, so that the origin cannot read them otherwise than the gateway did.
 */
export function buildUpstreamHead(head: RequestHead, policy: ForwardPolicy, facts: ForwardFacts): string {
  const actions = facts.isTrustedPeer ? policy.fromTrusted : policy.fromUntrusted;
  const edits = facts.isTrustedPeer ? policy.edits : policy.editsOfUntrusted;
  return (
    `${head.method} ${facts.target} HTTP/1.1\r\nHost: ${upstreamHost(head, policy, facts)}\r\n` +
    (head.hasNominated || edits !== undefined ? keptLinesByName(head, actions, edits) : keptLines(head, actions)) +
    identityLines(head, policy, facts) +
    (policy.passages[head.minor] ?? '') +
    (policy.setsRequestId ? `X-Request-ID: ${facts.requestId}\r\n` : '') +
    (edits === undefined ? '' : edits.lines) +
    (hasField(head, FIELD_MAX_FORWARDS) ? maxForwardsLine(head, policy) : '') +
    framingLines(head, facts)
  );
}

/** Whether rules write or remove the own field of this kind, so that the gateway does not. */
export function hasSuppressed(policy: ForwardPolicy | undefined, kind: number): boolean {
  return policy !== undefined && (policy.suppressed & (1 << kind)) !== 0;
}

/** Without an authority (HTTP/1.0) the endpoint's own stands in: an HTTP/1.1 request must have a Host (RFC 9112 3.2). */
function upstreamHost(head: RequestHead, policy: ForwardPolicy, facts: ForwardFacts): string {
  if (policy.hostOverride !== undefined) return policy.hostOverride;
  return policy.host === 'client' && head.authority !== '' ? head.authority : facts.upstreamAuthority;
}

function framingLines(head: RequestHead, facts: ForwardFacts): string {
  const expect = facts.forwardExpect && facts.framing !== 'none' ? 'Expect: 100-continue\r\n' : '';
  switch (facts.framing) {
    case 'none':
      return head.contentLength === 0 || hasExpectedBody(head.method) ? 'Content-Length: 0\r\n\r\n' : '\r\n';
    case 'length':
      return `Content-Length: ${facts.contentLength}\r\n${expect}\r\n`;
    case 'chunked':
      return `Transfer-Encoding: chunked\r\n${expect}\r\n`;
    default:
      return never(facts.framing, 'framingLines');
  }
}

/** Methods whose requests are expected to have content, so that its absence is told (RFC 9110 8.6). */
function hasExpectedBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

/** The `Max-Forwards` of an OPTIONS or TRACE request (RFC 9110 7.6.2); Infinity beyond 2^53-1; -1 if there is none that counts. */
export function maxForwards(head: RequestHead): number {
  if (head.method !== 'OPTIONS' && head.method !== 'TRACE') return -1;
  const value = hasField(head, FIELD_MAX_FORWARDS) ? fieldValueOfKind(head, FIELD_MAX_FORWARDS) : undefined;
  if (value === undefined || value === '' || !isAll(value, DIGIT)) return -1;
  const count = parseLength(value, 0, value.length);
  return count < 0 ? Number.POSITIVE_INFINITY : count;
}

function maxForwardsLine(head: RequestHead, policy: ForwardPolicy): string {
  if ((policy.suppressed & (1 << FIELD_MAX_FORWARDS)) !== 0) return '';
  if (head.hasNominated && nominatedNames(head).has('max-forwards')) return '';
  const count = maxForwards(head);
  const next = count > 0 ? Math.min(count - 1, Number.MAX_SAFE_INTEGER) : fieldValueOfKind(head, FIELD_MAX_FORWARDS);
  return `Max-Forwards: ${next}\r\n`;
}
