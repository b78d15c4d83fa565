import type { ActiveHealthConfig } from '../../config/health-types.ts';
import type { CheckGate } from './check-gate.ts';
import type { Probe, ProbeAddress, ProbeOutcome } from './probe.ts';

/** Between two ticks. What is beyond twice this was our own thread's standing still, and no fault of the endpoint's. */
const TICK_MS = 50;
/** However many requests fail: checks brought forward come no more often. */
const MIN_HURRY_MS = 1000;

export type CheckerServices = {
  readonly probe: Probe;
  readonly gate: CheckGate;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** Of every check. `isHealthy`: what holds from now on; `hasChanged`: it did not before. */
  onResult(result: CheckResult): void;
};

export type CheckResult = ProbeOutcome & { readonly isHealthy: boolean; readonly hasChanged: boolean };

/** For people. `consecutive`: results like the last one in a row. */
export type CheckSnapshot = { readonly isHealthy: boolean; readonly consecutive: number; readonly last: LastCheck | undefined };
export type LastCheck = ProbeOutcome & { readonly ageMs: number; readonly tookMs: number };

/** Keeps asking one endpoint whether it is well. The first answer of all decides alone; from then on it takes some in a row. Driven by `tick`. */
export class HealthChecker {
  readonly #config: ActiveHealthConfig;
  readonly #services: CheckerServices;
  readonly #address: ProbeAddress;
  readonly #run = (): void => this.#start();
  #isHealthy: boolean;
  #consecutive = 0;
  #last: (ProbeOutcome & { readonly atMs: number; readonly tookMs: number }) | undefined;
  #nowMs = 0;
  /** Of the check that is under way: for so long nobody could have heard its answer. */
  #deafMs = 0;
  #dueMs = Number.NEGATIVE_INFINITY;
  #startedMs = Number.NEGATIVE_INFINITY;
  #isWaiting = false;
  /** Of the check that is under way. */
  #close: (() => void) | undefined;

  /** `isHealthy`: what holds until the first answer. */
  constructor(config: ActiveHealthConfig, address: ProbeAddress, services: CheckerServices & { readonly isHealthy: boolean }) {
    this.#config = config;
    this.#address = { host: address.host, port: config.port === 0 ? address.port : config.port };
    this.#services = services;
    this.#isHealthy = services.isHealthy;
  }

  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  tick(nowMs: number): void {
    const sinceMs = nowMs - this.#nowMs;
    this.#nowMs = nowMs;
    if (this.#close !== undefined) {
      if (sinceMs > 2 * TICK_MS) this.#deafMs += sinceMs - TICK_MS;
      if (nowMs - this.#startedMs - this.#deafMs >= this.#config.timeoutMs) this.#settle({ isGood: false, reason: 'timeout' });
    } else if (!this.#isWaiting && nowMs >= this.#dueMs) {
      this.#isWaiting = true;
      this.#services.gate.enter(this.#run);
    }
  }

  /** A request has just failed there. */
  hurry(): void {
    this.#dueMs = Math.min(this.#dueMs, Math.max(this.#nowMs, this.#startedMs + MIN_HURRY_MS));
  }

  stop(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    if (this.#isWaiting) this.#services.gate.withdraw(this.#run);
    this.#isWaiting = false;
    if (this.#close !== undefined) this.#end();
  }

  snapshot(): CheckSnapshot {
    const { isHealthy, consecutive, last } = { isHealthy: this.#isHealthy, consecutive: this.#consecutive, last: this.#last };
    if (last === undefined) return { isHealthy, consecutive, last };
    const { isGood, reason, atMs, tookMs } = last;
    return { isHealthy, consecutive, last: { isGood, reason, tookMs: Math.round(tookMs), ageMs: Math.round(this.#nowMs - atMs) } };
  }

  #start(): void {
    this.#isWaiting = false;
    this.#startedMs = this.#nowMs;
    this.#deafMs = 0;
    const began = performance.now();
    let isSettled = false;
    const done = (outcome: ProbeOutcome): void => {
      if (isSettled || this.#close !== close) return;
      isSettled = true;
      this.#settle(outcome, performance.now() - began);
    };
    // Until the probe has returned nothing can be closed: what it says at once is heard a turn later.
    const close = this.#services.probe(this.#address, (outcome) => queueMicrotask(() => done(outcome)));
    this.#close = close;
  }

  #settle(outcome: ProbeOutcome, tookMs = this.#config.timeoutMs): void {
    this.#end();
    const { isGood } = outcome;
    const isFirst = this.#last === undefined;
    this.#consecutive = this.#last?.isGood === isGood ? this.#consecutive + 1 : 1;
    this.#last = { ...outcome, atMs: this.#nowMs, tookMs };
    const wanted = isGood ? this.#config.healthyAfter : this.#config.unhealthyAfter;
    const hasChanged = isGood !== this.#isHealthy && (isFirst || this.#consecutive >= wanted);
    if (hasChanged) this.#isHealthy = isGood;
    this.#dueMs = this.#startedMs + this.#pause();
    this.#services.onResult({ ...outcome, isHealthy: this.#isHealthy, hasChanged });
  }

  #end(): void {
    const close = this.#close;
    this.#close = undefined;
    close?.();
    this.#services.gate.leave();
  }

  /** Spread around the interval, so that the checks of many endpoints, and of many hosts, do not come together. */
  #pause(): number {
    const { intervalMs, unhealthyIntervalMs, jitter } = this.#config;
    const meanMs = this.#isHealthy ? intervalMs : unhealthyIntervalMs;
    return meanMs * (1 + jitter * (2 * this.#services.random() - 1));
  }
}
