import { randomBytes } from 'node:crypto';
import type { GatewayConfig } from '../../config/types.ts';
import * as events from '../../observe/events.ts';
import type { EventLog } from '../../observe/log.ts';
import { SEED_BYTES } from '../../shm/keyed-hash.ts';
import { summarizeError } from '../faults.ts';
import { readUsageState, writeMove } from './usage-state.ts';

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

  /** Before the first plan that limits anything. What cannot be read is told; quotas and moves are then kept in memory. */
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
      events.quotasUnusable(this.#log, { problem: summarizeError(error) });
    }
  }

  /** The configuration has another store than what is counted is kept in. */
  isElsewhere({ consumers, store }: GatewayConfig): boolean {
    return this.#seed !== undefined && consumers !== undefined && (store?.path ?? '') !== this.#path;
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
