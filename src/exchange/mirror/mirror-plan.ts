import type { MirrorConfig } from '../../config/mirror-types.ts';
import type { UpstreamConfig } from '../../config/types.ts';
import type { ForwardPolicy } from '../../http/forward.ts';
import { SAFE_METHODS } from '../../http/methods.ts';
import type { MetricsWriter } from '../../observe/metrics-writer.ts';
import { MIRROR_RESULTS } from '../../observe/labels.ts';
import type { MetricSlot } from '../../observe/slots.ts';
import type { Cluster } from '../../upstream/cluster.ts';
import type { CaptureSpec } from './side-request.ts';

/** What became of a copy, or why there is none. */
export type MirrorResult = (typeof MIRROR_RESULTS)[number];

/** Copies of a route's requests, made ready at load. */
export type MirrorPlan = {
  readonly config: MirrorConfig;
  /** The route's name. */
  readonly name: string;
  readonly shadow: Cluster;
  readonly shadowName: string;
  /** How the shadow is asked. */
  readonly forward: ForwardPolicy;
  /** Names of query parameters that it is not told, since they are secrets. */
  readonly withheld: readonly string[];
  /** The same, for examples. */
  readonly secrets: readonly string[];
  readonly methods: ReadonlySet<string>;
  readonly capture: CaptureSpec | null;
  readonly counts: MirrorCounts;
};

/** What one worker has under way for a mirror, and counts of it. */
class MirrorCounts {
  pending = 0;
  private readonly metrics: MetricsWriter;
  private readonly slots: Readonly<Record<MirrorResult, MetricSlot>>;

  constructor(metrics: MetricsWriter, route: string) {
    this.metrics = metrics;
    const slots = metrics.slots('sluice_mirror_requests_total', { label: 'result', values: MIRROR_RESULTS }, { route });
    this.slots = Object.fromEntries(MIRROR_RESULTS.map((result, at) => [result, slots[at]])) as Readonly<Record<MirrorResult, MetricSlot>>;
  }

  count(result: MirrorResult): void {
    this.metrics.increment(this.slots[result]);
  }
}

export type MirrorPlanInput = {
  readonly route: string;
  readonly config: MirrorConfig;
  readonly shadow: UpstreamConfig;
  readonly cluster: Cluster;
  readonly forward: ForwardPolicy;
  readonly secrets: readonly string[];
  readonly metrics: MetricsWriter;
};

export function compileMirrorPlan({ route, config, shadow, cluster, forward, secrets, metrics }: MirrorPlanInput): MirrorPlan {
  const { compare } = config;
  return Object.freeze({
    config,
    name: route,
    shadow: cluster,
    shadowName: shadow.name,
    forward,
    withheld: shadow.forwardCredentials ? [] : secrets,
    secrets,
    methods: new Set(config.methods),
    capture: compare === undefined ? null : { headers: compare.headers, maxBodyBytes: compare.maxBodyBytes },
    counts: new MirrorCounts(metrics, route),
  });
}

/** Two live answers can be had of those alone. */
export function canCompare({ capture }: MirrorPlan, method: string): boolean {
  return capture !== null && SAFE_METHODS.has(method);
}
