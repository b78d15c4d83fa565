import type { BreakerConfig, BreakerSettings } from '../config/breaker-types.ts';
import type { UpstreamConfig } from '../config/types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import { SERVICE } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import * as events from '../observe/upstream-events.ts';
import { type BreakerChange, BreakerKeeper, type BreakerState } from '../upstream/breaker-keeper.ts';
import { FULL_WEIGHT } from '../upstream/endpoint-memory.ts';
import { endpointLabel } from './endpoint-metrics.ts';
import type { DrivenUpstream, UpstreamDriver } from './upstream-driver.ts';

const STATE_NUMBERS: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };
/** A probe may take as long as a request, and a little; where a response has no limit, this. */
const USUAL_RESPONSE_MS = 60_000;
const LEASE_MARGIN_MS = 1000;

type Kept = { readonly which: string; readonly keeper: BreakerKeeper; readonly changes: Record<BreakerChange['to'], number> };

/** The breakers of one upstream, from the coordinator's side. */
class BreakerDriver implements UpstreamDriver {
  readonly #upstream: DrivenUpstream;
  readonly #breaker: BreakerConfig;
  /** By slot. */
  readonly #kept = new Map<number, Kept>();
  /** Counted in metrics already. */
  #refused = 0;

  constructor(upstream: DrivenUpstream, breaker: BreakerConfig) {
    this.#upstream = upstream;
    this.#breaker = breaker;
    if (breaker.service !== undefined) this.#keep(upstream.serviceSlot, SERVICE, breaker.service);
    this.onEndpoints(upstream.endpoints());
    this.#refused = this.#refusedTotal;
  }

  tick(nowMs: number): void {
    for (const { keeper } of this.#kept.values()) keeper.tick(nowMs);
  }

  onEndpoints(endpoints: readonly EndpointState[]): void {
    const slots = new Set([this.#upstream.serviceSlot, ...endpoints.map(({ slot }) => slot)]);
    for (const slot of this.#kept.keys()) if (!slots.has(slot)) this.#kept.delete(slot);
    for (const { slot, url } of endpoints) if (!this.#kept.has(slot)) this.#keep(slot, url, this.#breaker.endpoint);
  }

  recover(worker: number): void {
    for (const { keeper } of this.#kept.values()) keeper.recover(worker);
  }

  writeMetrics(writer: MetricsWriter): void {
    const upstream = this.#upstream.config.name;
    const worst = new Map<string, { state: number; share: number }>();
    for (const { which, keeper, changes } of this.#kept.values()) {
      const endpoint = which === SERVICE ? which : endpointLabel(this.#upstream.config, which);
      const { state, share } = worst.get(endpoint) ?? { state: 0, share: 1 };
      worst.set(endpoint, { state: Math.max(state, STATE_NUMBERS[keeper.state]), share: Math.min(share, keeper.share / FULL_WEIGHT) });
      for (const to of ['open', 'half-open', 'closed'] as const) {
        writer.add(writer.slot('sluice_breaker_transitions_total', { upstream, endpoint, to }), changes[to]);
        changes[to] = 0;
      }
    }
    for (const [endpoint, { state, share }] of worst) {
      writer.set(writer.slot('sluice_breaker_state', { upstream, endpoint }), state);
      writer.set(writer.slot('sluice_breaker_share', { upstream, endpoint }), share);
    }
    const refused = this.#refusedTotal;
    writer.add(writer.slot('sluice_breaker_refused_total', { upstream }), Math.max(0, refused - this.#refused));
    this.#refused = refused;
  }

  snapshot(): { readonly upstream: object; readonly endpoints: ReadonlyMap<number, object> } {
    const { serviceSlot } = this.#upstream;
    const described = new Map(Array.from(this.#kept, ([slot, { keeper }]) => [slot, { breaker: describe(keeper) }]));
    const upstream = described.get(serviceSlot) ?? {};
    described.delete(serviceSlot);
    return { upstream, endpoints: described };
  }

  stop(): void {
    for (const { keeper } of this.#kept.values()) keeper.end();
  }

  get #refusedTotal(): number {
    let total = 0;
    for (const { keeper } of this.#kept.values()) total += keeper.refusedTotal;
    return total;
  }

  #keep(slot: number, which: string, settings: BreakerSettings): void {
    const { config, memory, serviceSlot, log, setWeight } = this.#upstream;
    const { name: upstream } = config;
    const changes = { open: 0, 'half-open': 0, closed: 0 };
    const onChange = (change: BreakerChange): void => {
      changes[change.to]++;
      if (change.to === 'open') events.breakerOpened(log, { upstream, which, cause: change.cause, openForMs: settings.openForMs });
      else if (change.to === 'half-open') events.breakerHalfOpen(log, { upstream, which });
      else events.breakerClosed(log, { upstream, which, rampMs: settings.rampMs });
    };
    const hooks = { onChange, setShare: (thousandths: number): void => setWeight(slot, 'breaker', thousandths) };
    const keeper = new BreakerKeeper(memory, { slot, serviceSlot }, { settings, leaseMs: leaseFor(config), hooks });
    this.#kept.set(slot, { which, keeper, changes });
  }
}

export function makeBreakerDriver(upstream: DrivenUpstream): UpstreamDriver | undefined {
  const { breaker } = upstream.config;
  return breaker === undefined ? undefined : new BreakerDriver(upstream, breaker);
}

function leaseFor({ timeouts, pool }: UpstreamConfig): number {
  const responseMs = timeouts.responseMs === 0 ? USUAL_RESPONSE_MS : timeouts.responseMs;
  return pool.pendingTimeoutMs + timeouts.connectMs + responseMs + LEASE_MARGIN_MS;
}

function describe(keeper: BreakerKeeper): object {
  const { state, share, refusedTotal } = keeper;
  const refused = refusedTotal === 0 ? {} : { refused: refusedTotal };
  return share === FULL_WEIGHT ? { state, ...refused } : { state, share: share / FULL_WEIGHT, ...refused };
}
