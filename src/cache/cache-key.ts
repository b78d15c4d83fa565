import { parseAuthority } from '../http/authority.ts';
import { decodeQueryText } from '../http/no-vary-search.ts';
import { foldParameterName } from '../http/query-parameters.ts';
import { type SelectingHead, valueAtOrigin } from '../http/origin-value.ts';
import { isBlank } from '../http/tokens.ts';
import { selectingValue } from '../http/vary.ts';
import type { CachePolicy } from './policy.ts';

/** A URI taken apart. */
export type CacheUri = {
  /** `http` or `https`. */
  readonly scheme: string;
  /** Lower case. */
  readonly authority: string;
  /** Begins with `/`, as received. */
  readonly path: string;
  /** `''`, or from `?` on. */
  readonly query: string;
};

/** `G`: GET and HEAD. `Q`: QUERY. `S`: answers that a No-Vary-Search makes good for more than one query. */
export type KeyClass = 'G' | 'Q' | 'S';

/** What a key is made of beside the URI. Without `head`, and for class `S`, it has no chosen fields. */
export type KeyParts = {
  readonly keyClass: KeyClass;
  readonly head: SelectingHead | undefined;
  /** `''` but for QUERY. */
  readonly contentDigest: string;
  /** Lines, each with LF before it, of what else the origin may answer by; `''` = nothing. */
  readonly beside?: string;
};

const GET_PARTS: KeyParts = Object.freeze({ keyClass: 'G', head: undefined, contentDigest: '' });
const SEARCH_PARTS: KeyParts = Object.freeze({ keyClass: 'S', head: undefined, contentDigest: '' });

/** `namespace LF class LF scheme://authority/path?query LF chosen fields`, latin1. Whole keys are compared, so nothing in it can be mistaken. */
export function buildKey(policy: CachePolicy, uri: CacheUri, { keyClass, head, contentDigest, beside = '' }: KeyParts): string {
  const normalised = keyClass === 'S' ? base(uri) : normalisedUri(policy, uri);
  const key = `${policy.namespace}\n${keyClass}\n${normalised}\n${contentDigest}${beside}`;
  return head === undefined ? key : key + chosenFields(policy, head);
}

/** `scheme://authority/path?query` as it stands in keys of this policy. */
export function normalisedUri(policy: CachePolicy, uri: CacheUri): string {
  return base(uri) + normaliseQuery(policy, uri.query);
}

function base(uri: CacheUri): string {
  return normalisedOrigin(uri) + uri.path;
}

/** `scheme://authority` without a default port. */
export function normalisedOrigin({ scheme, authority }: CacheUri): string {
  return `${scheme}://${withoutDefaultPort(scheme, authority)}`;
}

function withoutDefaultPort(scheme: string, authority: string): string {
  const suffix = scheme === 'https' ? ':443' : ':80';
  return authority.endsWith(suffix) ? authority.slice(0, -suffix.length) : authority;
}

/**
 * The parameters that matter, in one order. What an origin may read as one name keeps its order (`a=1&a=2` is not `a=2&a=1`, and `a[]=1` may be either),
 * and counts where that name does; only what is named exactly is ignored.
 */
function normaliseQuery({ config, queryNames }: CachePolicy, query: string): string {
  const { query: rule, sortQuery } = config.key;
  if (query === '') return '';
  if (rule.kind === 'all' && (!sortQuery || !query.includes('&'))) return query;
  // Some origins take `;` for `&`, so what stands behind it may be another parameter.
  if (query.includes(';')) return query;
  // Each name is decoded once, and not at each comparison.
  let parts = query.slice(1).split('&').map(parameterOf);
  if (rule.kind === 'keep') parts = parts.filter(({ folded }) => queryNames.has(folded));
  if (rule.kind === 'ignore') parts = parts.filter(({ name }) => !queryNames.has(name));
  if (sortQuery) parts.sort(byName);
  return parts.length === 0 ? '' : `?${parts.map(({ text }) => text).join('&')}`;
}

type Parameter = { readonly text: string; readonly name: string; readonly folded: string };

function parameterOf(text: string): Parameter {
  const name = decodeQueryText(nameOf(text));
  return { text, name, folded: foldParameterName(name) };
}

function nameOf(part: string): string {
  const equals = part.indexOf('=');
  return equals < 0 ? part : part.slice(0, equals);
}

function byName(a: Parameter, b: Parameter): number {
  return a.folded === b.folded ? 0 : a.folded < b.folded ? -1 : 1;
}

function chosenFields({ config }: CachePolicy, head: SelectingHead): string {
  let text = '';
  for (const name of config.key.headers) text += `\n${name}${selectingValue(head, name)}`;
  if (config.key.cookies.length === 0) return text;
  const cookies = valueAtOrigin(head, 'cookie') ?? '';
  for (const name of config.key.cookies) text += `\n${name}${cookieValue(cookies, name)}`;
  return text;
}

/**
 * `''` if it is not there, else `=` and its value. Of a repeated one all, and each that a reader of another kind may find (after a comma or
 * a blank, with blanks before `=`): origins differ, and what one may answer by must be in the key.
 */
function cookieValue(cookies: string, name: string): string {
  let values = '';
  for (const part of cookies.split(';')) {
    const value = valueInPart(part, name);
    if (value !== '') values += `${values === '' ? '' : ';'}${value}`;
  }
  return values;
}

/** From the first `=` that may be this cookie's, to the end of the part: it has all that may be its value further on. `''` = none. */
function valueInPart(part: string, name: string): string {
  for (let at = part.indexOf(name); at >= 0; at = part.indexOf(name, at + name.length)) {
    if (at > 0 && !COOKIE_BREAKS.includes(part.charAt(at - 1))) continue;
    let equals = at + name.length;
    while (isBlank(part.charCodeAt(equals)) || part.charCodeAt(equals) === NO_BREAK_SPACE) equals++;
    if (part.charAt(equals) === '=') return part.slice(equals);
  }
  return '';
}

const COOKIE_BREAKS = ', \t';
const NO_BREAK_SPACE = 0xa0;

/** An absolute http or https URI without user and fragment, or `undefined`. */
export function parseCacheUri(text: string): CacheUri | undefined {
  const [whole, scheme = '', authorityText = '', path = '', query = ''] = URI.exec(text) ?? [];
  const authority = parseAuthority(authorityText);
  if (whole === undefined || authority === undefined) return undefined;
  return { scheme: scheme.toLowerCase(), authority, path: path === '' ? '/' : path, query };
}

const URI = /^(https?):\/\/([^/?#@\s]+)(\/[^?#\s]*)?(\?[^#\s]*)?$/i;

/** Keys under which the policies may hold answers for this URI. Where `policy.hasManyKeys`, there may be more. */
export function keysForUri(policies: readonly CachePolicy[], uri: CacheUri): readonly string[] {
  return policies.flatMap((policy) => {
    const key = buildKey(policy, uri, GET_PARTS);
    return policy.config.noVarySearch ? [key, buildKey(policy, uri, SEARCH_PARTS)] : [key];
  });
}

/** The names for `epochs.bumpUrl` under which all that is held for this URI, whatever its key, is invalidated at once. */
export function epochNamesForUri(policies: readonly CachePolicy[], uri: CacheUri): readonly string[] {
  const names = new Set(policies.map((policy) => normalisedUri(policy, uri)));
  if (policies.some(({ config }) => config.noVarySearch)) names.add(epochNameOfSearch(base(uri)));
  return [...names];
}

/** `epochs.bumpUrl` name of an answer that is good for more than one query: any of them invalidates it. */
export function epochNameOfSearch(uriText: string): string {
  const query = uriText.indexOf('?');
  return `S ${query < 0 ? uriText : uriText.slice(0, query)}`;
}

/** `epochs.bump` name of a cache tag. */
export function epochNameOfTag(tag: string): string {
  return `t ${tag}`;
}

/** `epochs.bump` name of a cache group, which holds within one origin (RFC 9875 2.1). */
export function epochNameOfGroup(origin: string, group: string): string {
  return `g ${origin} ${group}`;
}

/** `scheme://authority` of an absolute URI. */
export function originOf(uriText: string): string {
  const slash = uriText.indexOf('/', uriText.indexOf('://') + 3);
  return slash < 0 ? uriText : uriText.slice(0, slash);
}

/** The normalised URI in a key. */
export function uriOfKey(key: string): string {
  const start = key.indexOf('\n', key.indexOf('\n') + 1) + 1;
  return key.slice(start, key.indexOf('\n', start));
}

/** The query of a normalised URI: `''`, or from `?` on. */
export function queryOf(uriText: string): string {
  const query = uriText.indexOf('?');
  return query < 0 ? '' : uriText.slice(query);
}
