import type { Numbers } from '../base/numbers.ts';
import { epochNameOfGroup, epochNameOfSearch, epochNameOfTag, originOf } from './cache-key.ts';

/** What the cache has written about a response, read again. `encodeMeta` and `decodeMeta` are inverse. */
export type StoredMeta = {
  /** `scheme://authority/path?query`, normalised as in the key. */
  readonly uri: string;
  /** Fields named by Vary, lower case and sorted, each followed by the request's normalised value; flat. */
  readonly vary: readonly string[];
  /** Cache tags, as the tag fields of the response list them. */
  readonly tags: readonly string[];
  /** Cache groups (RFC 9875). */
  readonly groups: readonly string[];
  /** `ETag` as it stands in the head; `''` = none. */
  readonly entityTag: string;
  /** `Last-Modified` as it stands in the head; `''` = none. */
  readonly lastModified: string;
  /** `No-Vary-Search` where it says something; `''` = every difference of the query matters. */
  readonly noVarySearch: string;
  /** The response head as stored, with its empty line: what `parseResponseHead` takes. */
  readonly head: string;
};

/** One stored response as the rules see it. Made by the exchange from a `StoredObject`. */
export type StoredView = {
  readonly meta: StoredMeta;
  readonly numbers: Numbers;
  /** FLAG_ bits, those of the store together with what the epochs say. */
  readonly flags: number;
  readonly bodyLength: number;
};

/** First line of the text; another one is of another version, and not read. */
const VERSION = 'sluice 1';
const LINES = 8;
/** Between members of a list: stands in no field value. */
const SEPARATOR = '\0';
const NONE: readonly string[] = Object.freeze([]);

export function encodeMeta(meta: StoredMeta): string {
  const { uri, vary, tags, groups, entityTag, lastModified, noVarySearch, head } = meta;
  const lists = `${vary.join(SEPARATOR)}\n${tags.join(SEPARATOR)}\n${groups.join(SEPARATOR)}`;
  return `${VERSION}\n${uri}\n${lists}\n${entityTag}\n${lastModified}\n${noVarySearch}\n${head}`;
}

/** @returns `undefined` where the text is not of this version */
export function decodeMeta(text: string): StoredMeta | undefined {
  const lines: string[] = [];
  let at = 0;
  while (lines.length < LINES) {
    const end = text.indexOf('\n', at);
    if (end < 0) return undefined;
    lines.push(text.slice(at, end));
    at = end + 1;
  }
  const [version, uri = '', vary = '', tags = '', groups = '', entityTag = '', lastModified = '', noVarySearch = ''] = lines;
  if (version !== VERSION) return undefined;
  const lists = { vary: members(vary), tags: members(tags), groups: members(groups) };
  return { uri, ...lists, entityTag, lastModified, noVarySearch, head: text.slice(at) };
}

/** Under which the invalidation epochs are asked: the URL first, then each tag and group. */
export function epochNames(meta: StoredMeta): readonly string[] {
  const origin = originOf(meta.uri);
  const url = meta.noVarySearch === '' ? meta.uri : epochNameOfSearch(meta.uri);
  return [url, ...meta.tags.map(epochNameOfTag), ...meta.groups.map((group) => epochNameOfGroup(origin, group))];
}

function members(line: string): readonly string[] {
  return line === '' ? NONE : line.split(SEPARATOR);
}
