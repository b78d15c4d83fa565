import type { HoldOn } from './mirror-types.ts';
import type { ValueMatch } from './types.ts';

/** How the endpoints of an upstream share its requests, and the upstreams of a route its own. */

export type BalanceMethod = 'round-robin' | 'least-requests' | 'random' | 'ring-hash' | 'maglev';

/** What of a request tells to which endpoint it belongs. A request that has it not is like any other that has it not. */
export type BalanceKey =
  | { readonly kind: 'header' /** Lower-case. */; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string }
  /** Whom the route's limits know it by; the address where it has none. */
  | { readonly kind: 'consumer' }
  | { readonly kind: 'ip' }
  /** Without the query. */
  | { readonly kind: 'path' };

export type BalanceConfig = {
  readonly method: BalanceMethod;
  /** least-requests: how many endpoints are compared. */
  readonly choices: number;
  /** ring-hash and maglev. */
  readonly key: BalanceKey;
  /** ring-hash and maglev: an endpoint with more than this times its part of what is in flight is passed over. 0 = never. */
  readonly boundedLoad: number;
  /** Share of its endpoints (0 to 1) below which a level whose others cannot help uses all of them. 0 = never. */
  readonly panicThreshold: number;
  /** How long an endpoint that is new or well again takes to get its whole part. 0 = at once. */
  readonly slowStartMs: number;
  /** ring-hash: points on the ring of an endpoint with the highest weight. */
  readonly ringSize: number;
};

/** A client stays with the endpoint that has answered it first. */
export type StickyConfig = {
  readonly cookie: string;
  /** Key of the signature. */
  readonly secret: string;
  /** How long the client keeps the cookie; 0 = until it ends its session. */
  readonly ttlMs: number;
  readonly path: string;
};

/** Of an upstream in a split: requests that have this go to it whatever its weight. */
export type SplitMatch = {
  readonly on: 'header' | 'cookie';
  /** Lower case of a header. */
  readonly name: string;
  readonly match: ValueMatch;
};

/** One of several upstreams of a route. */
export type SplitPart = {
  readonly upstream: string;
  /** 0: only who asks for it by `when`. */
  readonly weight: number;
  /** Any of them; the first part that is asked for has the request. */
  readonly when: readonly SplitMatch[];
  readonly holdOn: HoldOn;
  /** Total deadline of the exchange there. 0 = none. */
  readonly timeoutMs: number;
};

export const isHashing = ({ method }: Pick<BalanceConfig, 'method'>): boolean => method === 'ring-hash' || method === 'maglev';
