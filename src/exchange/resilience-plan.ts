import type { FallbackConfig, HedgeConfig } from '../config/retry-types.ts';
import type { RouteConfig, UpstreamConfig } from '../config/types.ts';
import type { RenderedAnswer } from './answers.ts';
import { HedgeQueue } from './hedging.ts';
import type { RoutePlan } from './plan.ts';
import { compileRetryPlan, type RetryPlan, type StatusSet, statusSet } from './retry-plan.ts';

export type HedgePlan = { readonly config: HedgeConfig; readonly methods: ReadonlySet<string>; readonly queue: HedgeQueue };

export type FallbackPlan = {
  readonly config: FallbackConfig;
  readonly statuses: StatusSet;
  /** One of the two; none where only the cache may help. */
  readonly respond: RenderedAnswer | null;
  /** The same route, to another upstream. */
  readonly other: RoutePlan | null;
};

/** What a route does about an upstream that fails, beyond what is safe without asking. */
export type ResiliencePlan = {
  readonly retry: RetryPlan | null;
  readonly hedge: HedgePlan | null;
  readonly fallback: FallbackPlan | null;
  /** What one try may take to the head of an answer; 0 = no limit of its own. */
  readonly tryMs: number;
};

export type FallbackParts = {
  readonly render: (respond: { status: number; headers: readonly (readonly [string, string])[]; body: string }) => RenderedAnswer;
  /** The plan of the route with this upstream in place of its own. */
  readonly planFor: (upstream: string) => RoutePlan;
};

/** `null`: a route and an upstream that want nothing of it. */
export function compileResilience(route: RouteConfig, upstream: UpstreamConfig | undefined, parts: FallbackParts): ResiliencePlan | null {
  if (upstream === undefined) return null;
  const { retry, hedge, timeouts } = upstream;
  const fallback = route.fallback === undefined ? null : compileFallback(route.fallback, parts);
  if (retry === undefined && hedge === undefined && fallback === null && timeouts.tryMs === 0) return null;
  return {
    retry: compileRetryPlan(retry),
    hedge: hedge === undefined ? null : { config: hedge, methods: new Set(hedge.methods), queue: new HedgeQueue() },
    fallback,
    tryMs: timeouts.tryMs,
  };
}

function compileFallback(config: FallbackConfig, { render, planFor }: FallbackParts): FallbackPlan | null {
  const { action } = config;
  if (action === undefined) return null;
  return {
    config,
    statuses: statusSet(config.statuses),
    respond: action.kind === 'respond' ? render(action.respond) : null,
    other: action.kind === 'upstream' ? planFor(action.upstream) : null,
  };
}
