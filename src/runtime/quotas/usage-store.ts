import { randomBytes } from 'node:crypto';
import type { GatewayConfig } from '../../config/types.ts';
import * as events from '../../observe/events.ts';
import type { EventLog } from '../../observe/log.ts';
import { SEED_BYTES } from '../../shm/keyed-hash.ts';
import { summarizeError } from '../faults.ts';
import { type DiskTrouble, troubleOf } from '../store/disk-schema.ts';
import { readUsageState, writeMove } from './usage-state.ts';

/** Somebody else has the store to himself, or the disk is full: that may be over soon. */
const PASSING: ReadonlySet<DiskTrouble> = new Set(['busy', 'full']);

/**
 * What is known of usage beyond the life of this process: the seed under which keys are hashed, and consumers that were moved to another
 * tier at run time. Both are needed before the first plan, so they are read here and not by the quotas thread.
 */
export class UsageStore {
  readonly #log: EventLog;
  readonly #moves = new Map<string, string>();
  #seed: Uint8Array | undefined;
  /** '' = nothing outlives the process. */
  #path = '';
  /** The same, of a store that could not be read when it was time to. */
  #laterPath = '';

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Of all keys, for the life of this process. */
  get seed(): Uint8Array {
    this.#seed ??= randomBytes(SEED_BYTES);
    return this.#seed;
  }

  /** '' = nothing outlives the process. */
  get path(): string {
    return this.#path;
  }

  /** Where what is counted is to be kept, if not yet: under our own seed, should there be none. */
  get countedPath(): string {
    return this.#path === '' ? this.#laterPath : this.#path;
  }

  /** Before the first plan that limits anything. What cannot be read is told; moves are then kept in memory, and quotas until the store can be had. */
  open({ store }: GatewayConfig): void {
    // Once keys are hashed, another seed would make them strangers.
    if (this.#seed !== undefined || store === undefined) return;
    try {
      const { seed, moves, damaged } = readUsageState(store.path);
      if (damaged !== undefined) events.quotasDamaged(this.#log, { movedTo: damaged });
      this.#seed = seed;
      this.#path = store.path;
      for (const [consumer, tier] of moves) this.#moves.set(consumer, tier);
    } catch (error) {
      const isPassing = PASSING.has(troubleOf(error));
      if (isPassing) this.#laterPath = store.path;
      events.quotasUnusable(this.#log, { problem: summarizeError(error), triedAgain: isPassing });
    }
  }

  /** The configuration has another store than what is counted is kept in. */
  isElsewhere({ consumers, store }: GatewayConfig): boolean {
    return this.#seed !== undefined && consumers !== undefined && (store?.path ?? '') !== this.countedPath;
  }

  /** `undefined`: the consumer has the tier that the configuration says. */
  tierOf(consumer: string): string | undefined {
    return this.#moves.get(consumer);
  }

  /** `undefined` takes the move back. On disk, where there is one, before it returns; throws what SQLite throws, and then nothing has changed. */
  move(consumer: string, tier: string | undefined): void {
    if (this.#path !== '') writeMove(this.#path, consumer, tier);
    if (tier === undefined) this.#moves.delete(consumer);
    else this.#moves.set(consumer, tier);
    events.consumerMoved(this.#log, { consumer, tier: tier ?? '' });
  }

  /** The configuration with every consumer in the tier that it was moved to; a tier that there is no more counts for nothing. */
  moved(config: GatewayConfig): GatewayConfig {
    const { consumers, tiers } = config;
    if (consumers === undefined || this.#moves.size === 0) return config;
    const known = new Set(tiers.map(({ name }) => name));
    const list = consumers.list.map((consumer) => {
      const tier = this.#moves.get(consumer.name);
      return tier === undefined || !known.has(tier) ? consumer : { ...consumer, tier };
    });
    return { ...config, consumers: { ...consumers, list } };
  }
}
