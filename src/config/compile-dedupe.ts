import type { ParsedCollapse, ParsedDedupe } from './dedupe-schema.ts';
import type { CollapseConfig, DedupeConfig, IdempotencyConfig, SharingConfig } from './dedupe-types.ts';
import type { RouteCacheConfig } from './types.ts';

/** Who asks for idempotency keys alone does not ask for this. */
const SHARED_METHODS = ['GET', 'HEAD'];

/** Collapsing is a part of caching, and on where it is not turned off. */
export function compileCollapse(collapse: ParsedCollapse, cache: RouteCacheConfig | undefined): CollapseConfig | undefined {
  if (cache === undefined || !collapse.enabled) return undefined;
  return { maxWaitMs: collapse.maxWait, maxFollowers: collapse.maxFollowers, uncacheableForMs: collapse.uncacheableFor };
}

export function compileDedupe(dedupe: ParsedDedupe | undefined): DedupeConfig | undefined {
  if (dedupe === undefined || !dedupe.enabled) return undefined;
  const sharing = compileSharing(dedupe);
  const idempotency = compileIdempotency(dedupe);
  return sharing === undefined && idempotency === undefined ? undefined : { sharing, idempotency };
}

function compileSharing(dedupe: ParsedDedupe): SharingConfig | undefined {
  const { key, shareSetCookie, maxBody, maxAnswer, maxWait, maxFollowers, idempotencyKey } = dedupe;
  const methods = dedupe.methods ?? (idempotencyKey === undefined ? SHARED_METHODS : []);
  if (methods.length === 0) return undefined;
  return {
    methods,
    key,
    sharesSetCookie: shareSetCookie,
    maxBodyBytes: maxBody,
    maxAnswerBytes: maxAnswer,
    maxWaitMs: maxWait,
    maxFollowers,
  };
}

function compileIdempotency({ idempotencyKey, maxWait }: ParsedDedupe): IdempotencyConfig | undefined {
  if (idempotencyKey === undefined) return undefined;
  return {
    header: idempotencyKey.header,
    ttlMs: idempotencyKey.ttl,
    isRequired: idempotencyKey.required,
    onConcurrent: idempotencyKey.onConcurrent,
    scope: idempotencyKey.scope,
    methods: idempotencyKey.methods,
    maxBodyBytes: idempotencyKey.maxBody,
    maxAnswerBytes: idempotencyKey.maxAnswer,
    maxWaitMs: idempotencyKey.maxWait ?? maxWait,
  };
}
