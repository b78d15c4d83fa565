import { LoopClock } from '../../base/clock.ts';
import type { GatewayConfig } from '../../config/types.ts';
import { formatSize } from '../../config/units.ts';
import * as events from '../../observe/events.ts';
import type { EventLog } from '../../observe/log.ts';
import { ConcurrencyTable, createConcurrencyTable } from '../../shm/concurrency-table.ts';
import { MAX_KEY_PARTICIPANTS } from '../../shm/key-cells.ts';
import { createLimitTable } from '../../shm/limit-memory.ts';
import { LimitTable } from '../../shm/limit-table.ts';
import { createQuotaTable, QuotaTable } from '../../shm/quota-table.ts';
import { MAX_SHARING_WORKERS } from '../cache-memory.ts';
import { summarizeError } from '../faults.ts';
import type { LimitSegments } from '../messages.ts';

/** Of `limits.memory`, what the tables of requests in flight and of quotas take beside the rates. */
const CONCURRENCY_SHARE = 8;
const QUOTA_SHARE = 4;
const SWEEP_MS = 1_000;
/** The whole table is looked through once in so many steps: half a million cells, some ms, at the largest. */
const SWEEP_STEPS = 60;
/** Fewer keys than pages are left alone: to look for them would make all of the table resident, and room is not what they lack. */
const CELLS_OF_A_PAGE = 256;

/** Of a table of quotas that is half full. */
const BYTES_OF_A_QUOTA = 68;

/** At the time of the question; counts are of the process's life. */
export type LimitFigures = {
  readonly memoryBytes: number;
  readonly limits: ReturnType<LimitTable['stats']>;
  readonly concurrency: ReturnType<ConcurrencyTable['stats']>;
  readonly quotas: ReturnType<QuotaTable['stats']>;
};

/** The tables, and the pen that the coordinator has in them. */
export type LimitTables = {
  readonly segments: LimitSegments;
  /** Of the hash of all keys. */
  readonly seed: Uint8Array;
  readonly limits: LimitTable;
  readonly concurrency: ConcurrencyTable;
  readonly quotas: QuotaTable;
};

/**
 * The shared memory of limits and quotas from the coordinator's side: makes it when a plan first limits anything, and keeps it as long as
 * the process lives, since what was used must outlive every reload. Gives back what a dead worker held, and forgets keys that idle.
 */
export class LimitMemory {
  readonly #slots: number;
  readonly #log: EventLog;
  readonly #clock = new LoopClock();
  readonly #sweepTimer: NodeJS.Timeout;
  #tables: LimitTables | undefined;
  #bytes = 0;

  /** `slots`: how many workers may ever live at once. */
  constructor(slots: number, log: EventLog) {
    this.#slots = slots;
    this.#log = log;
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** `undefined` until a plan has limited something. */
  get tables(): LimitTables | undefined {
    return this.#tables;
  }

  get figures(): LimitFigures | undefined {
    const tables = this.#tables;
    if (tables === undefined) return undefined;
    const { limits, concurrency, quotas } = tables;
    return { memoryBytes: this.#bytes, limits: limits.stats(), concurrency: concurrency.stats(), quotas: quotas.stats() };
  }

  /** Of the table of rates; 0 = none yet. Another size in the configuration waits for the next start. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The workers have slots 0 to n - 1, the coordinator is n, the quotas thread n + 1. */
  get quotasThreadIndex(): number {
    return this.#slots + 1;
  }

  /** Host time in ms, by which rates are counted. */
  nowMs(): number {
    this.#clock.refresh();
    return this.#clock.hostMs;
  }

  /** The tables for a plan, made where they are missing; `undefined` when it limits nothing. Text when they cannot be had. */
  prepare(config: GatewayConfig, seed: () => Uint8Array): LimitSegments | string | undefined {
    if (!limitsAnything(config)) return undefined;
    const { memoryBytes } = config.limiter;
    if (this.#slots + 2 > MAX_KEY_PARTICIPANTS) return `limits: not with ${config.workers} workers, ${MAX_SHARING_WORKERS} at most`;
    try {
      this.#tables ??= this.#make(config, seed());
      return this.#tables.segments;
    } catch (error) {
      return `limits.memory: ${formatSize(memoryBytes)} cannot be had: ${summarizeError(error)}`;
    }
  }

  /** After the thread of the slot has ended, and before the slot is given away. */
  recover(slot: number): void {
    const tables = this.#tables;
    if (tables === undefined) return;
    const { limits, quotas, concurrency } = tables;
    // It goes through all of a table, 100 ms for a large one, so not through one that is empty.
    if (limits.stats().live > 0) limits.recover(slot);
    if (quotas.stats().live > 0) quotas.recover(slot);
    const inFlight = concurrency.stats().live > 0 ? concurrency.recover(slot) : 0;
    if (inFlight > 0) events.limitsRecovered(this.#log, { worker: slot, inFlight });
  }

  close(): void {
    clearInterval(this.#sweepTimer);
  }

  #make(config: GatewayConfig, seed: Uint8Array): LimitTables {
    const bytes = config.limiter.memoryBytes;
    const participants = this.#slots + 2;
    const segments = {
      limits: createLimitTable({ bytes, seed }),
      concurrency: createConcurrencyTable({ bytes: bytes / CONCURRENCY_SHARE, participants, seed }),
      quotas: createQuotaTable({ bytes: Math.max(bytes / QUOTA_SHARE, listedQuotaBytes(config)), seed }),
    };
    const self = this.#slots;
    this.#bytes = bytes;
    events.limitsMade(this.#log, { bytes });
    return {
      segments,
      seed,
      limits: new LimitTable(segments.limits, self),
      concurrency: new ConcurrencyTable(segments.concurrency, self),
      quotas: new QuotaTable(segments.quotas, self),
    };
  }

  #sweep(): void {
    const limits = this.#tables?.limits;
    if (limits === undefined) return;
    const { cells, live } = limits.stats();
    if (live > cells / CELLS_OF_A_PAGE) limits.sweep(this.nowMs(), Math.ceil(cells / SWEEP_STEPS));
  }
}

/** Whether requests of any route meet limits. */
export function limitsAnything({ routes }: GatewayConfig): boolean {
  return routes.some(({ limits, tiers }) => limits.length > 0 || tiers !== undefined);
}

/** What the quotas of all who are listed take. */
function listedQuotaBytes({ tiers, consumers }: GatewayConfig): number {
  const list = consumers?.list ?? [];
  const ofTiers = new Set(tiers.flatMap(({ quotas }) => quotas.map(({ name }) => name)));
  const own = list.reduce((sum, { quotas }) => sum + quotas.length, 0);
  return (ofTiers.size * list.length + own) * BYTES_OF_A_QUOTA;
}
