/**
 * A label and where its values come from: a fixed list, the names in the config (of some routes only: `cached-route` have a cache,
 * `deduped-route` share answers by `dedupe`, `sharing-route` by either, `keyed-route` keep answers by Idempotency-Key, `limited-route`
 * have limits or tiers, `mirrored-route` a mirror, `faulty-route` faults; `adaptive-upstream`: upstreams with an adaptive limit; `breaker-upstream` and `bounded-upstream`: with a breaker, with `resources`; `checked-upstream`: with `health`; `discovering-upstream`: with `discovery`; `breaker`: what of the upstream in the same row has one; `limit`: the names of limits and quotas that requests of the row's `route` may meet; `endpoint`: the URLs of the upstream in the same row's `upstream` label), or `runtime`: the coordinator registers the values it has.
 */
export type LabelRow =
  | { readonly name: string; readonly values: readonly string[] }
  | {
      readonly name: string;
      readonly from:
        | 'route'
        | RouteKind
        | 'limit'
        | 'listener'
        | 'upstream'
        | 'adaptive-upstream'
        | UpstreamKind
        | 'breaker'
        | 'endpoint'
        | 'runtime';
    };

type UpstreamKind = 'breaker-upstream' | 'bounded-upstream' | 'checked-upstream' | 'discovering-upstream';

type RouteKind = 'cached-route' | 'sharing-route' | 'deduped-route' | 'keyed-route' | 'limited-route' | 'mirrored-route' | 'faulty-route';

/**
 * One metric. Cells of unit `seconds` hold milliseconds and are printed in seconds (the name ends in `_seconds`).
 * `per`: `host` = the sum over all threads; `worker` = one series for each worker, with a label `worker`.
 */
export type MetricRow = {
  readonly name: `sluice_${string}`;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly unit: 'seconds' | 'bytes' | 'none';
  readonly per: 'host' | 'worker';
  readonly labels: readonly LabelRow[];
  readonly help: string;
};

export const COUNTER = { type: 'counter', unit: 'none', per: 'host' } as const;
export const BYTE_COUNTER = { type: 'counter', unit: 'bytes', per: 'host' } as const;
export const GAUGE = { type: 'gauge', unit: 'none', per: 'host' } as const;
export const BYTES = { type: 'gauge', unit: 'bytes', per: 'host' } as const;
export const TIMES = { type: 'histogram', unit: 'seconds', per: 'host' } as const;
