import type { Row } from './cache-row.ts';
import { CONDITIONAL_ETAG, CONDITIONAL_LM } from './cache-rows-conditional.ts';
import { AUTHORIZATION, CC_REQUEST, CC_RESPONSE, PRAGMA, STALE, STATUS } from './cache-rows-control.ts';
import { HEADERS, UPDATE_304, UPDATE_HEAD } from './cache-rows-fields.ts';
import { AGE_PARSE, CC_FRESHNESS, CC_PARSE, CDN_CACHE_CONTROL, EXPIRES, EXPIRES_PARSE, HEURISTIC } from './cache-rows-freshness.ts';
import { INTERIM, INVALIDATION, METHOD, OTHER, PARTIAL } from './cache-rows-other.ts';
import { VARY, VARY_PARSE } from './cache-rows-vary.ts';

/** The public suite as rows, by its groups: 150 required, 98 optimal and 93 checks, and those for CDNs (10, 7, 7). */
export const PUBLIC_ROWS: Readonly<Record<string, readonly Row[]>> = {
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
