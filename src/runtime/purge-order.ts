import { parseCacheUri } from '../cache/cache-key.ts';
import { asMap } from '../config/raw.ts';
import type { PURGE_KINDS } from '../observe/labels.ts';

/** What is to go from the cache, or (`isSoft`) is to be validated before it is served as fresh again. */
export type PurgeOrder = {
  readonly kind: (typeof PURGE_KINDS)[number];
  /** The URL, the prefix or the tag; '' for all. */
  readonly what: string;
  readonly isSoft: boolean;
};

const KINDS = ['url', 'prefix', 'tag', 'all'] as const;
const MAX_TEXT = 8192;

/** `{ "url" | "prefix" | "tag": text, "soft"?: true }` or `{ "all": true, "soft"?: true }`. Text when it is not that. */
export function parsePurgeOrder(body: unknown): PurgeOrder | string {
  const order = asMap(body);
  const unknown = Object.keys(order).find((key) => key !== 'soft' && !KINDS.some((kind) => kind === key));
  if (unknown !== undefined) return `unknown key "${unknown}"; use one of ${KINDS.join(', ')}, and soft`;
  const given = KINDS.filter((kind) => order[kind] !== undefined);
  const kind = given[0];
  if (kind === undefined || given.length > 1) return `name exactly one of ${KINDS.join(', ')}`;
  const soft = order['soft'] ?? false;
  if (typeof soft !== 'boolean') return 'soft must be true or false';
  if (kind === 'all') return order['all'] === true ? { kind, what: '', isSoft: soft } : 'all must be true';
  const what = order[kind];
  if (typeof what !== 'string' || what === '' || what.length > MAX_TEXT) return `${kind} must be text of 1 to ${MAX_TEXT} characters`;
  return kind === 'tag' ? { kind, what: asBytes(what), isSoft: soft } : orderFor(kind, escapeUrl(what), soft);
}

function orderFor(kind: 'url' | 'prefix', what: string, isSoft: boolean): PurgeOrder | string {
  const isPath = kind === 'prefix' && what.startsWith('/');
  if (isPath || parseCacheUri(what) !== undefined) return { kind, what, isSoft };
  return kind === 'url' ? 'url must be an absolute http or https URL' : 'prefix must begin with http://HOST or https://HOST, or with /';
}

/** As it stands in a field of the origin's answer, which is kept as latin1. */
function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** As a client would send it: what is not visible ASCII is escaped. */
function escapeUrl(text: string): string {
  return text.toWellFormed().replace(/[^\x21-\x7e]+/g, (run) => encodeURIComponent(run));
}
