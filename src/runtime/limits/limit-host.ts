import type { GatewayConfig } from '../../config/types.ts';
import type { EventLog } from '../../observe/log.ts';
import type { LimitSegments } from '../messages.ts';
import type { QuotaKeeping } from '../quotas/quotas-host.ts';
import { UsageStore } from '../quotas/usage-store.ts';
import { carryUsage } from './carry-usage.ts';
import { type LimitFigures, LimitMemory, type LimitTables, limitsAnything } from './limit-memory.ts';
import { QuotaReserve } from './reserve-quotas.ts';

/** Limits, tiers and quotas from the coordinator's side: their shared memory, and what is known of usage beyond the life of the process. */
export class LimitHost {
  readonly #memory: LimitMemory;
  readonly #usage: UsageStore;
  readonly #reserve = new QuotaReserve();

  /** `slots`: how many workers may ever live at once. */
  constructor(slots: number, log: EventLog) {
    this.#memory = new LimitMemory(slots, log);
    this.#usage = new UsageStore(log);
  }

  /** `undefined` until a plan has limited something. */
  get tables(): LimitTables | undefined {
    return this.#memory.tables;
  }

  get figures(): LimitFigures | undefined {
    return this.#memory.figures;
  }

  /** Moves of consumers, and quotas, outlive the process. */
  get isDurable(): boolean {
    return this.#usage.path !== '';
  }

  /** Host time in ms, by which rates are counted. */
  nowMs(): number {
    return this.#memory.nowMs();
  }

  /** What was read, with every consumer in the tier that it has been moved to. */
  planned(config: GatewayConfig): GatewayConfig {
    if (limitsAnything(config)) this.#usage.open(config);
    return this.#usage.moved(config);
  }

  /** The tables for a plan; `undefined` when it limits nothing. Text when they cannot be had. */
  prepare(config: GatewayConfig): LimitSegments | string | undefined {
    const segments = this.#memory.prepare(config, () => this.#usage.seed);
    if (typeof segments === 'object' && this.tables !== undefined) this.#reserve.reserve(config, this.tables);
    return segments;
  }

  /** What the quotas thread is to keep; `undefined` when there is nothing, or nowhere. */
  keeping({ tiers, consumers, usageFlushMs }: GatewayConfig): QuotaKeeping | undefined {
    const quotas = this.#memory.tables?.segments.quotas;
    const hasQuotas = [...tiers, ...(consumers?.list ?? [])].some((allowance) => allowance.quotas.length > 0);
    const storePath = this.#usage.countedPath;
    if (quotas === undefined || !hasQuotas || storePath === '') return undefined;
    return { storePath, quotas, participant: this.#memory.quotasThreadIndex, flushMs: usageFlushMs };
  }

  /** Right before another plan comes into force: what consumers have used of their old limits counts for the new ones. */
  carry(before: GatewayConfig, after: GatewayConfig): void {
    if (this.tables !== undefined) carryUsage({ before, after, tables: this.tables, nowMs: this.nowMs() });
  }

  /** What waits for another process. */
  restartNeeds(config: GatewayConfig): readonly string[] {
    const { bytes } = this.#memory;
    const needs = bytes === 0 || bytes === config.limiter.memoryBytes ? [] : ['limits.memory'];
    return this.#usage.isElsewhere(config) ? [...needs, 'store.path of quotas and tiers'] : needs;
  }

  /** `undefined`: as configured again. Throws when it cannot be written, and then nothing has changed. */
  move(consumer: string, tier: string | undefined): void {
    this.#usage.move(consumer, tier);
  }

  /** `undefined`: it has not been moved. */
  movedTo(consumer: string): string | undefined {
    return this.#usage.tierOf(consumer);
  }

  /** After the thread of the slot has ended, and before the slot is given away. */
  recover(slot: number): void {
    this.#memory.recover(slot);
  }
}
