import type { Row } from './cache-row.ts';
import { CONDITIONAL_ETAG, CONDITIONAL_LM } from './cache-rows-conditional.ts';
import { AUTHORIZATION, CC_REQUEST, CC_RESPONSE, PRAGMA, STALE, STATUS } from './cache-rows-control.ts';
import { HEADERS, UPDATE_304, UPDATE_HEAD } from './cache-rows-fields.ts';
import { AGE_PARSE, CC_FRESHNESS, CC_PARSE, CDN_CACHE_CONTROL, EXPIRES, EXPIRES_PARSE, HEURISTIC } from './cache-rows-freshness.ts';
import { INTERIM, INVALIDATION, METHOD, OTHER, PARTIAL } from './cache-rows-other.ts';
import { VARY, VARY_PARSE } from './cache-rows-vary.ts';

/** Checks that Sluice answers with no, and why. The RFCs leave these free. */
const ANSWERED_NO: ReadonlyMap<string, string> = new Map([
  ['freshness-max-age-two-stale-fresh-sameline', 'the first of two counts (RFC 9111 4.2.1)'],
  ['freshness-max-age-two-stale-fresh-sepline', 'the first of two counts (RFC 9111 4.2.1)'],
  ['freshness-max-age-decimal-zero', 'invalid freshness is stale'],
  ['freshness-max-age-decimal-five', 'invalid freshness is stale'],
  ['freshness-max-age-a100', 'invalid freshness is stale'],
  ['freshness-max-age-100a', 'invalid freshness is stale'],
  ['age-parse-parameter', 'an invalid Age is as if absent'],
  ['age-parse-numeric-parameter', 'an invalid Age is as if absent'],
  ['conditional-etag-quoted-respond-unquoted', 'an unquoted tag is another tag'],
  ['conditional-etag-unquoted-respond-quoted', 'an unquoted tag is another tag'],
  ['conditional-etag-strong-generate-unquoted', 'a tag goes back as it came'],
  ['conditional-etag-vary-headers-mismatch', 'tags of other variants are not offered'],
  ['conditional-etag-forward', 'on a miss the whole is fetched, and the condition answered here'],
  ['conditional-etag-forward-unquoted', 'on a miss the whole is fetched, and the condition answered here'],
  ['304-etag-update-response-Content-Encoding', 'it tells of the body, which stays (RFC 9111 3.2)'],
  ['304-etag-update-response-Content-Range', 'it tells of the body, which stays (RFC 9111 3.2)'],
  ['304-etag-update-response-ETag', 'a 304 with another strong tag is not about what is stored (RFC 9111 4.3.4)'],
  ['head-200-retain', 'the answer to HEAD goes through as it came'],
  ['head-410-update', 'a 410 to HEAD is not about the stored 200'],
  ['other-age-delay', 'the answer to a miss gets no Age of ours'],
  ['cdn-max-age-case-insensitive', 'keys of structured fields are lower case (RFC 9651 3.2)'],
]);

const withOurs = (rows: readonly Row[]): readonly Row[] => rows.map((row) => (ANSWERED_NO.has(row.id) ? { ...row, ours: 'no' } : row));

const GROUPS: Readonly<Record<string, readonly Row[]>> = {
  'cc-freshness': CC_FRESHNESS,
  'cc-parse': CC_PARSE,
  'age-parse': AGE_PARSE,
  expires: EXPIRES,
  'expires-parse': EXPIRES_PARSE,
  'cc-response': CC_RESPONSE,
  stale: STALE,
  heuristic: HEURISTIC,
  method: METHOD,
  status: STATUS,
  'cc-request': CC_REQUEST,
  pragma: PRAGMA,
  vary: VARY,
  'vary-parse': VARY_PARSE,
  'conditional-lm': CONDITIONAL_LM,
  'conditional-inm': CONDITIONAL_ETAG,
  headers: HEADERS,
  update304: UPDATE_304,
  updateHEAD: UPDATE_HEAD,
  invalidation: INVALIDATION,
  partial: PARTIAL,
  auth: AUTHORIZATION,
  other: OTHER,
  interim: INTERIM,
  'cdn-cache-control': CDN_CACHE_CONTROL,
};

/** The public suite as rows, by its groups: 150 required, 98 optimal and 93 checks, and those for CDNs (10, 7, 7). */
export const PUBLIC_ROWS: ReadonlyMap<string, readonly Row[]> = new Map(
  Object.entries(GROUPS).map(([group, rows]) => [group, withOurs(rows)] as const),
);

/**
 * What stands under `cache:` for the public suite: it wants answers with Set-Cookie stored. (Its required rows on stale answers after a
 * failure only count where a stale answer may be served then at all: `staleIfError` is a minute by default.)
 */
export const PUBLIC_CACHE = { storeSetCookie: true };

const MISFIT = 'the part that comes has another length than its Content-Range tells, so it is not stored';

/** Optional ones of the public suite that Sluice leaves out, and why. */
export const GAPS: ReadonlyMap<string, string> = new Map([
  ['vary-normalise-lang-select', 'which language fits a request is left to the origin'],
  ['conditional-lm-fresh-no-lm', 'without Last-Modified the date is Date, which is later than what the client has (RFC 9111 4.3.2)'],
  ['partial-store-partial-reuse-partial', MISFIT],
  ['partial-store-partial-reuse-partial-byterange', MISFIT],
  ['partial-store-partial-reuse-partial-absent', MISFIT],
  ['partial-store-partial-reuse-partial-suffix', MISFIT],
  ['partial-store-partial-complete', 'a part is only completed under a strong validator (RFC 9111 3.4)'],
]);
