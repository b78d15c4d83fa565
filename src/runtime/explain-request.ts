import { RequestFacts } from '../exchange/request-facts.ts';
import { REFUSALS } from '../http/refusal.ts';
import { parseRequestHead } from '../http/request-head.ts';

export type Explained = {
  readonly configPath: string;
  readonly method: string;
  /** Absolute, or a path with query. */
  readonly url: string;
  /** `name: value`. */
  readonly fields: readonly string[];
  /** `undefined`: some client. */
  readonly clientIp: string | undefined;
  /** Address of the admin listener to ask what is left of limits; `undefined`: nobody is asked. */
  readonly admin: string | undefined;
};

const MAX_FIELDS = 1000;
const LIMITS = { maxTargetBytes: 2 ** 20, maxFields: MAX_FIELDS };
const ABSOLUTE = /^(https?):\/\/([^/?#]*)([^#]*)/i;

export type AskedRequest = {
  readonly facts: RequestFacts;
  readonly scheme: 'http' | 'https';
  /** `undefined`: some client. */
  readonly clientIp: string | undefined;
};

/** The request as a listener would have read it, by the same code. Text when a listener would refuse it. */
export function askedRequest({ method, url, fields, clientIp }: Explained): AskedRequest | string {
  const absolute = ABSOLUTE.exec(url);
  if (absolute === null && !url.startsWith('/') && url !== '*') return `${url} is not an http URL or a path`;
  const target = absolute === null ? url.split('#', 1)[0] : absolute[3] || '/';
  const named = fields.some((line) => /^host\s*:/i.test(line));
  const host = absolute?.[2] === undefined || named ? [] : [`Host: ${absolute[2]}`];
  // Without a host it is a request of HTTP/1.0, which need not have one.
  const version = host.length > 0 || named ? 'HTTP/1.1' : 'HTTP/1.0';
  const path = target?.startsWith('?') === true ? `/${target}` : target;
  const lines = [`${method.toUpperCase()} ${path} ${version}`, ...host, ...fields.map(tidy)];
  const facts = new RequestFacts(MAX_FIELDS);
  const refusal = parseRequestHead(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'utf8').toString('latin1'), facts.head, LIMITS);
  if (refusal !== undefined) return `refused, ${REFUSALS[refusal].status}: ${REFUSALS[refusal].detail}`;
  if (!facts.read()) return `the path of ${url} climbs above its root or has a bad escape: 400`;
  return { facts, scheme: absolute?.[1]?.toLowerCase() === 'https' ? 'https' : 'http', clientIp };
}

/** White space around a name or a value is the shell's, not the client's. */
function tidy(line: string): string {
  const colon = line.indexOf(':');
  return colon < 0 ? line : `${line.slice(0, colon).trim()}: ${line.slice(colon + 1).trim()}`;
}
