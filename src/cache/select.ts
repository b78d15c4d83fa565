import { comparableQuery, type NoVarySearch, parseNoVarySearch } from '../http/no-vary-search.ts';
import { isSelected } from '../http/vary.ts';
import { originOf, queryOf } from './cache-key.ts';
import type { CacheRequest } from './cache-request.ts';
import { isCovered } from './coverage.ts';
import { BIT_HEADERS_ONLY, BIT_NO_VARY_SEARCH, BIT_PARTIAL, BIT_SET_COOKIE, BIT_VARY, N_BITS, N_DATE } from './numbers.ts';
import type { StoredMeta, StoredView } from './stored.ts';

/**
 * The stored response that this request would be answered with (RFC 9111 section 4.1): of those that match, one that holds all
 * that is asked for before one that does not, and then the most recent by its Date; of equal ones the first, which is the newest.
 */
export function select(request: CacheRequest, candidates: readonly StoredView[]): StoredView | null {
  let best: StoredView | null = null;
  let isBestWhole = false;
  for (let i = 0; i < candidates.length; i++) {
    const view = candidates[i];
    if (view === undefined || !isMatch(request, view)) continue;
    const isWhole = isCovered(request, view);
    if (best !== null && (isBestWhole === isWhole ? !isLater(view, best) : isBestWhole)) continue;
    best = view;
    isBestWhole = isWhole;
  }
  return best;
}

/** To the second, as `Date` fields are: of a response that came without one the moment is known better, which says nothing about the other. */
function isLater(a: StoredView, b: StoredView): boolean {
  return Math.floor((a.numbers[N_DATE] ?? 0) / 1000) > Math.floor((b.numbers[N_DATE] ?? 0) / 1000);
}

function isMatch(request: CacheRequest, { meta, numbers }: StoredView): boolean {
  const bits = numbers[N_BITS] ?? 0;
  const { head, method, policy } = request;
  // Stored by a configuration that let it be, and this one does not.
  if ((bits & BIT_SET_COOKIE) !== 0 && policy?.config.storeSetCookie !== true) return false;
  if ((bits & BIT_HEADERS_ONLY) !== 0 && method !== 'head') return false;
  // An answer to HEAD must have all of the fields, and those of a part are not those of the whole.
  if ((bits & BIT_PARTIAL) !== 0 && method === 'head') return false;
  if ((bits & BIT_VARY) !== 0 && (head === null || !isSelected(meta.vary, head))) return false;
  return (bits & BIT_NO_VARY_SEARCH) === 0 || isSameSearch(request, meta);
}

/** What No-Vary-Search says of one stored response, and its own query by that. */
type SearchRule = { readonly rule: NoVarySearch; readonly query: string };

/** Read once for each stored response, and not for each request. */
const searchRules = new WeakMap<StoredMeta, SearchRule | null>();

/** The key of such a response has no query. */
function isSameSearch({ head }: CacheRequest, meta: StoredMeta): boolean {
  let search = searchRules.get(meta);
  if (search === undefined) {
    search = readSearchRule(meta);
    searchRules.set(meta, search);
  }
  return search !== null && head !== null && comparableQuery(head.query, search.rule) === search.query;
}

function readSearchRule({ uri, noVarySearch }: StoredMeta): SearchRule | null {
  const rule = parseNoVarySearch(noVarySearch);
  return rule === undefined || originOf(uri) === '' ? null : { rule, query: comparableQuery(queryOf(uri), rule) };
}
