import type { ActiveHealthConfig } from '../config/health-types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import * as events from '../observe/events.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { STATE_FLAG, WORD } from '../upstream/endpoint-memory.ts';
import { CheckGate } from '../upstream/health/check-gate.ts';
import { HealthChecker, type CheckResult } from '../upstream/health/health-checker.ts';
import { makeProbe, type Probe } from '../upstream/health/probe.ts';
import type { DrivenUpstream, UpstreamDriver } from './upstream-driver.ts';

const MAX_CHECKS_AT_ONCE = 64;

type Checked = { readonly endpoint: EndpointState; readonly checker: HealthChecker };

/** Active checks of the endpoints of one upstream. `gate`: one for all upstreams. */
class HealthDriver implements UpstreamDriver {
  readonly #upstream: DrivenUpstream;
  readonly #config: ActiveHealthConfig;
  readonly #gate: CheckGate;
  readonly #probe: Probe;
  readonly #checked = new Map<number, Checked>();
  /** Not used until their first check. */
  readonly #newcomers = new Set<number>();
  #passed = 0;
  #failed = 0;

  constructor(upstream: DrivenUpstream, config: ActiveHealthConfig, gate: CheckGate) {
    this.#upstream = upstream;
    this.#config = config;
    this.#gate = gate;
    this.#probe = makeProbe(config);
    upstream.onFinding((finding) => {
      if (finding.kind === 'passive-failure') this.#checked.get(finding.slot)?.checker.hurry();
    });
    for (const endpoint of upstream.endpoints()) this.#check(endpoint);
  }

  tick(nowMs: number): void {
    for (const { checker } of this.#checked.values()) checker.tick(nowMs);
  }

  onEndpoints(endpoints: readonly EndpointState[]): void {
    const wanted = new Set(endpoints.map(({ slot }) => slot));
    for (const [slot, { checker }] of this.#checked) {
      if (wanted.has(slot)) continue;
      checker.stop();
      this.#checked.delete(slot);
      this.#newcomers.delete(slot);
    }
    // Who comes while others do the work is asked first: one that has just been started may not serve yet.
    const canWait = Array.from(this.#checked.values()).some(({ checker }) => checker.isHealthy);
    for (const endpoint of endpoints) {
      if (this.#checked.has(endpoint.slot)) continue;
      if (canWait) this.#hold(endpoint.slot);
      this.#check(endpoint);
    }
  }

  writeMetrics(writer: MetricsWriter): void {
    const upstream = this.#upstream.config.name;
    writer.add(writer.slot('sluice_health_checks_total', { upstream, result: 'passed' }), this.#passed);
    writer.add(writer.slot('sluice_health_checks_total', { upstream, result: 'failed' }), this.#failed);
    this.#passed = 0;
    this.#failed = 0;
  }

  snapshot(): { readonly endpoints: ReadonlyMap<number, object> } {
    return { endpoints: new Map(Array.from(this.#checked, ([slot, { checker }]) => [slot, { check: checker.snapshot() }])) };
  }

  stop(): void {
    for (const { checker } of this.#checked.values()) checker.stop();
    this.#checked.clear();
  }

  #hold(slot: number): void {
    this.#newcomers.add(slot);
    this.#upstream.flag(slot, STATE_FLAG.UNHEALTHY, true);
  }

  #check(endpoint: EndpointState): void {
    const { slot } = endpoint;
    const checker = new HealthChecker(this.#config, endpoint, {
      probe: this.#probe,
      gate: this.#gate,
      random: Math.random,
      // What was found before a reload holds until the first check.
      isHealthy: !isUnhealthy(this.#upstream, slot),
      onResult: (result) => this.#onResult(endpoint, result),
    });
    this.#checked.set(slot, { endpoint, checker });
  }

  #onResult({ slot, url }: EndpointState, { isGood, reason, isHealthy, hasChanged }: CheckResult): void {
    if (isGood) this.#passed += 1;
    else this.#failed += 1;
    const isNew = this.#newcomers.delete(slot);
    if (hasChanged || (isNew && !isHealthy)) {
      this.#upstream.flag(slot, STATE_FLAG.UNHEALTHY, !isHealthy);
      const tell = isHealthy ? events.endpointHealthy : events.endpointUnhealthy;
      tell(this.#upstream.log, { upstream: this.#upstream.config.name, endpoint: url, reason });
    }
    this.#upstream.tell({ kind: 'checked', slot, isHealthy: isHealthy && isGood });
  }
}

const gate = new CheckGate(MAX_CHECKS_AT_ONCE);

export function driveHealth(upstream: DrivenUpstream): UpstreamDriver | undefined {
  const active = upstream.config.health?.active;
  if (active !== undefined) return new HealthDriver(upstream, active, gate);
  // Nobody would ever find them well again.
  for (const { slot } of upstream.endpoints()) upstream.flag(slot, STATE_FLAG.UNHEALTHY, false);
  return undefined;
}

function isUnhealthy({ memory }: DrivenUpstream, slot: number): boolean {
  return (Atomics.load(memory.words, memory.wordAt(slot, WORD.STATE)) & STATE_FLAG.UNHEALTHY) !== 0;
}
