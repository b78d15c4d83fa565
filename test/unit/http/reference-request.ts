/**
 * A slow and obvious reader of request heads, to compare the real one with: regular expressions and split, one RFC sentence a
 * line. It gives the fields as pairs, or the word of refusal.
 */
import { isIPv6 } from 'node:net';
import type { Refusal, RequestHeadLimits } from '../../../src/http/request-head.ts';

export type ReferenceHead = {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly query: string;
  readonly authority: string;
  readonly minor: number;
  readonly contentLength: number;
  readonly isChunked: boolean;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  readonly fields: readonly (readonly [string, string])[];
};

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** A coding with whatever parameters. */
const LAYER = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*(?:;|$)/;

export function readReference(text: string, limits: RequestHeadLimits): Refusal | ReferenceHead {
  const start = readStart(text, limits);
  if (typeof start === 'string') return start;
  const fields = readFields(text.slice(text.indexOf('\r\n') + 2), limits);
  if (typeof fields === 'string') return fields;
  return interpret(start, fields);
}

type Start = Pick<ReferenceHead, 'method' | 'target' | 'path' | 'query' | 'authority' | 'minor'>;

function readStart(text: string, limits: RequestHeadLimits): Refusal | Start {
  const method = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*/.exec(text)?.[0] ?? '';
  let rest = text.slice(method.length);
  if (/^[\r\n]/.test(rest) || rest === '') return 'malformed-request-line';
  if (!rest.startsWith(' ')) return 'bad-method';
  if (method === '') return 'malformed-request-line';
  rest = rest.slice(1);
  const target = /^[\x21-\x22\x24-\x7e]*/.exec(rest)?.[0] ?? '';
  rest = rest.slice(target.length);
  if (target.length > limits.maxTargetBytes) return 'target-too-long';
  if (/^[\r\n]/.test(rest) || rest === '') return 'malformed-request-line';
  if (!rest.startsWith(' ')) return 'bad-target';
  if (target === '') return 'malformed-request-line';
  const version = /^ HTTP\/([0-9])\.([0-9])/.exec(rest);
  if (version === null) return 'bad-version';
  if (!rest.slice(9).startsWith('\r\n')) return 'malformed-request-line';
  if (version[1] !== '1') return 'unsupported-version';
  const place = readTarget(method, target);
  return typeof place === 'string' ? place : { method, target, ...place, minor: Number(version[2]) };
}

function readTarget(method: string, target: string): Refusal | Pick<Start, 'path' | 'query' | 'authority'> {
  if (method === 'CONNECT') return 'connect-refused';
  if (target === '*') return method === 'OPTIONS' ? { path: '*', query: '', authority: '' } : 'bad-target';
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(target);
  if (absolute !== null) {
    const authority = readAuthority(absolute[1] ?? '');
    if (authority === undefined) return 'bad-target';
    const rest = absolute[2] ?? '';
    if (rest === '' && method === 'OPTIONS') return { path: '*', query: '', authority };
    return { ...splitQuery(rest.startsWith('/') ? rest : `/${rest}`), authority };
  }
  return target.startsWith('/') ? { ...splitQuery(target), authority: '' } : 'bad-target';
}

function splitQuery(text: string): { path: string; query: string } {
  const [path = '', ...rest] = text.split('?');
  return { path, query: rest.length === 0 ? '' : `?${rest.join('?')}` };
}

function readAuthority(text: string): string | undefined {
  const parts = /^(\[[^\]]*\]|(?:[A-Za-z0-9\-._~]|%[0-9A-Fa-f]{2})+)(?::([0-9]*))?$/.exec(text);
  if (parts === null) return undefined;
  const [, host = '', port] = parts;
  if (host.startsWith('[') && (!isIPv6(host.slice(1, -1)) || host.includes('%'))) return undefined;
  if (port !== undefined && Number(port) > 65535) return undefined;
  return (port === undefined || port === '' ? host : `${host}:${port}`).toLowerCase();
}

function readFields(block: string, limits: RequestHeadLimits): Refusal | (readonly [string, string])[] {
  const fields: [string, string][] = [];
  let rest = block;
  while (!rest.startsWith('\r')) {
    if (fields.length === limits.maxFields) return 'too-many-fields';
    const line = /^([^:\r\n]*):([\t\x20-\x7e\x80-\xff]*)\r\n/.exec(rest);
    if (line === null || !TOKEN.test(line[1] ?? '')) return 'malformed-field';
    fields.push([line[1] ?? '', (line[2] ?? '').replace(/^[ \t]+|[ \t]+$/g, '')]);
    rest = rest.slice(line[0].length);
  }
  return rest === '\r\n' ? fields : 'malformed-field';
}

/** Why codings (lower case) that are not just `chunked` are refused. */
function codingRefusal(codings: string): Refusal {
  const list = codings.split(',').map((c) => c.replace(/^[ \t]+|[ \t]+$/g, ''));
  const isLayered =
    list.length > 1 && list.at(-1) === 'chunked' && list.slice(0, -1).every((c) => LAYER.test(c) && !/^chunked[ \t]*(;|$)/.test(c));
  return isLayered ? 'unsupported-transfer-encoding' : 'bad-transfer-encoding';
}

function interpret(start: Start, fields: readonly (readonly [string, string])[]): Refusal | ReferenceHead {
  const all = (name: string): string[] => fields.filter(([n]) => n.toLowerCase() === name).map(([, value]) => value);
  const once = { host: 'bad-host', 'content-length': 'bad-length' } as const;
  const seen = new Set<string>();
  for (const [name] of fields) {
    const lower = name.toLowerCase();
    if (seen.has(lower) && Object.hasOwn(once, lower)) return once[lower as keyof typeof once];
    if (seen.has(lower) && lower === 'transfer-encoding') return codingRefusal(all(lower).join(', ').toLowerCase());
    seen.add(lower);
  }
  const length = all('content-length')[0];
  if (length !== undefined && (!/^[0-9]+$/.test(length) || BigInt(length) > 2n ** 53n - 1n)) return 'bad-length';
  const coding = all('transfer-encoding')[0]?.toLowerCase();
  if (coding !== undefined) {
    if (coding !== 'chunked') return codingRefusal(coding);
    if (length !== undefined) return 'length-and-coding';
    if (start.minor === 0) return 'coding-in-http-1.0';
  }
  const host = all('host')[0];
  if (host === undefined && start.minor > 0) return 'missing-host';
  const isEmptyAllowed = host === '' && start.minor === 0;
  const authority = host === undefined || isEmptyAllowed ? '' : readAuthority(host);
  if (authority === undefined) return 'bad-host';
  if (start.method === 'TRACE' && (coding !== undefined || (length !== undefined && Number(length) > 0))) return 'content-in-trace';
  const expects = all('expect').flatMap((value) => value.toLowerCase().split(/[ \t]*,[ \t]*/));
  if (start.minor > 0 && expects.some((value) => value !== '' && value !== '100-continue')) return 'bad-expect';
  const options = all('connection').flatMap((value) =>
    value
      .toLowerCase()
      .split(',')
      .map((o) => o.replace(/^[ \t]+|[ \t]+$/g, '')),
  );
  const isChunked = coding !== undefined;
  const contentLength = length === undefined ? -1 : Number(length);
  return {
    ...start,
    authority: start.authority === '' ? authority : start.authority,
    contentLength,
    isChunked,
    keepAlive: !options.includes('close') && start.minor > 0,
    expectsContinue: start.minor > 0 && expects.includes('100-continue') && (isChunked || contentLength > 0),
    fields,
  };
}
