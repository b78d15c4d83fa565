import type { CachePolicy } from './policy.ts';
import type { CacheRequest } from './cache-request.ts';

/** A URI taken apart. */
export type CacheUri = {
  readonly scheme: string;
  /** Lower case, default port removed. */
  readonly authority: string;
  /** Begins with `/`, as received. */
  readonly path: string;
  /** `''`, or from `?` on. */
  readonly query: string;
};

/** `namespace LF class LF scheme://authority/path?query LF chosen fields`, latin1. */
export function buildKey(policy: CachePolicy, request: CacheRequest, contentDigest: string): string {
  throw new Error(`pending: ${policy.namespace} ${request.key} ${contentDigest}`);
}

/** `scheme://authority/path?query` as it stands in keys of this policy. */
export function normalisedUri(policy: CachePolicy, uri: CacheUri): string {
  throw new Error(`pending: ${policy.namespace} ${uri.path}`);
}

/** An absolute http or https URI, or `undefined`. */
export function parseCacheUri(text: string): CacheUri | undefined {
  throw new Error(`pending: ${text}`);
}

/** The GET keys under which the policies may hold this URI. Not those with chosen fields: `policy.hasManyKeys` says when epochs are due. */
export function keysForUri(policies: readonly CachePolicy[], uri: CacheUri): readonly string[] {
  throw new Error(`pending: ${policies.length} ${uri.path}`);
}

/** The names for the invalidation epochs under which every variant and key of this URI is bumped at once. */
export function epochNamesForUri(policies: readonly CachePolicy[], uri: CacheUri): readonly string[] {
  throw new Error(`pending: ${policies.length} ${uri.path}`);
}

/** `epochs.bump` name of a cache tag. */
export function epochNameOfTag(tag: string): string {
  return `t ${tag}`;
}

/** `epochs.bump` name of a cache group, which holds within one origin (RFC 9875). */
export function epochNameOfGroup(origin: string, group: string): string {
  return `g ${origin} ${group}`;
}
