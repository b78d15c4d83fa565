import { fieldValue } from '../http/fields.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { parseStringList } from '../http/structured-fields.ts';
import { type CacheUri, epochNameOfGroup, normalisedOrigin, parseCacheUri } from './cache-key.ts';
import { requestUri } from './cache-request.ts';

export type Invalidation = {
  readonly uris: readonly CacheUri[];
  /** Names for the epochs, see `epochNameOfGroup`. */
  readonly groupNames: readonly string[];
};

/**
 * What the answer to an unsafe request invalidates; `undefined` = nothing. The target, and what Location and Content-Location
 * name on the same origin, after an answer that is no error (RFC 9111 section 4.4); the groups that it names after any (RFC 9875
 * section 3). Only to be asked of methods that are not safe.
 */
export function invalidations(request: RequestHead, scheme: string, response: ResponseHead): Invalidation | undefined {
  const target = requestUri(request, scheme);
  const isGood = response.status >= 200 && response.status <= 399;
  const groupNames = namedGroups(response, target);
  if (!isGood) return groupNames.length === 0 ? undefined : { uris: [], groupNames };
  const uris = target.path.startsWith('/') ? [target] : [];
  for (const name of ['location', 'content-location']) {
    const uri = resolved(fieldValue(response, name), target);
    if (uri !== undefined && normalisedOrigin(uri) === normalisedOrigin(target)) uris.push(uri);
  }
  return uris.length + groupNames.length === 0 ? undefined : { uris, groupNames };
}

/** Whether a reference names the target itself. */
export function isSameUri(reference: string, target: CacheUri): boolean {
  const uri = resolved(reference, target);
  const own = resolved('', target);
  return (
    uri !== undefined &&
    own !== undefined &&
    uri.path === own.path &&
    uri.query === own.query &&
    normalisedOrigin(uri) === normalisedOrigin(own)
  );
}

function namedGroups(response: ResponseHead, target: CacheUri): readonly string[] {
  const value = fieldValue(response, 'cache-group-invalidation');
  if (value === undefined) return [];
  const origin = normalisedOrigin(target);
  return (parseStringList(value) ?? []).map((group) => epochNameOfGroup(origin, group));
}

/** RFC 3986 5.2; `undefined` where it does not lead to an http or https URI. */
function resolved(reference: string | undefined, base: CacheUri): CacheUri | undefined {
  if (reference === undefined) return undefined;
  const url = URL.parse(reference, `${base.scheme}://${base.authority}${base.path}${base.query}`);
  return url === null ? undefined : parseCacheUri(`${url.protocol}//${url.host}${url.pathname}${url.search}`);
}
