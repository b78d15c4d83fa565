import type { RouteConfig, ShedPriority } from '../config/types.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';
import { type AdaptiveGate, shareOf } from '../upstream/adaptive-gate.ts';
import type { FailureKind } from '../upstream/failure.ts';
import type { RequestFacts } from './request-facts.ts';

/** Of a route whose upstream has an adaptive limit: by the route's own priority, and by that of a tier that has one. */
export type SheddingPlan = { readonly usual: Shedding; readonly byPriority: Readonly<Record<ShedPriority, Shedding>> };

export type Shedding = {
  readonly gate: AdaptiveGate;
  /** How much of the limit requests of this priority may fill. */
  readonly share: number;
  readonly metrics: MetricsWriter;
  readonly shed: MetricSlot;
};

/** By the upstream's name. */
export type AdaptiveGates = ReadonlyMap<string, AdaptiveGate>;

export function compileShedding(
  { shedPriority }: RouteConfig,
  upstream: string,
  services: { readonly gates: AdaptiveGates; readonly metrics: MetricsWriter },
): SheddingPlan | null {
  const gate = services.gates.get(upstream);
  if (gate === undefined) return null;
  const { metrics } = services;
  const of = (priority: ShedPriority): Shedding => {
    return { gate, share: shareOf(priority), metrics, shed: metrics.slot('sluice_adaptive_shed_total', { upstream, priority }) };
  };
  const byPriority = { high: of('high'), normal: of('normal'), low: of('low') };
  return { usual: byPriority[shedPriority], byPriority };
}

/** Failures that tell of an upstream with too much to do, or none that does it. The others are ours, the client's, or a broken answer. */
const OVERLOAD: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'connect-refused',
  'connect-timeout',
  'reset',
  'response-timeout',
  'try-timeout',
  'pool-timeout',
]);
const TIMEOUTS: ReadonlySet<FailureKind> = new Set<FailureKind>(['connect-timeout', 'response-timeout', 'try-timeout', 'pool-timeout']);

/**
 * The place that an exchange has among the requests in flight, from when it may ask its upstream to the head of the answer. A body that is
 * read slowly, or never ends, keeps nobody out.
 */
export class Admission {
  #gate: AdaptiveGate | null = null;
  #sinceMs = 0;

  /** False: shed. Who tries once more keeps what it was given. */
  enter({ gate, share, metrics, shed }: Shedding, nowMs: number, isRetry: boolean): boolean {
    this.leave();
    if (isRetry) {
      gate.enter();
    } else if (!gate.admit(share)) {
      metrics.increment(shed);
      return false;
    }
    this.#gate = gate;
    this.#sinceMs = nowMs;
    return true;
  }

  /** The head of the answer has come. The time is the upstream's alone, with what the request waited for a connection, without the client's for its body. */
  onHead(facts: RequestFacts, status: number, { nowMs, hostOffsetMs }: { readonly nowMs: number; readonly hostOffsetMs: number }): void {
    const gate = this.#gate;
    if (gate === null) return;
    const { connectedMs, wholeMs, isRequestWhole } = facts;
    const ms = connectedMs - this.#sinceMs + nowMs - Math.max(connectedMs, wholeMs);
    // What was answered before it was whole was not worked on.
    if (status >= 500) gate.countFailed(nowMs + hostOffsetMs);
    else if (isRequestWhole) gate.observe(ms, nowMs + hostOffsetMs);
    this.leave();
  }

  onFailure(kind: FailureKind, clock: { readonly hostOffsetMs: number; refresh(): number }): void {
    const gate = this.#gate;
    if (gate === null) return;
    const nowMs = clock.refresh();
    if (OVERLOAD.has(kind)) gate.countFailed(nowMs + clock.hostOffsetMs);
    if (TIMEOUTS.has(kind)) gate.observe(nowMs - this.#sinceMs, nowMs + clock.hostOffsetMs);
    this.leave();
  }

  leave(): void {
    this.#gate?.leave();
    this.#gate = null;
  }
}
