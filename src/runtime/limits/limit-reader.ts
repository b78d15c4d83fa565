import { LimitHash } from '../../policy/limit-hash.ts';
import type { BookRule } from './limit-book.ts';
import { hashKey } from './limit-key-hash.ts';
import type { LimitTables } from './limit-memory.ts';

/** What is left of limits, for people. `nowMs`: host time. */
export class LimitReader {
  readonly #tables: LimitTables;
  readonly #nowMs: number;
  readonly #hash: LimitHash;

  constructor(tables: LimitTables, nowMs: number) {
    this.#tables = tables;
    this.#nowMs = nowMs;
    this.#hash = new LimitHash(tables.seed);
  }

  /** `key`: the key's text, as `LimitKey` makes it. */
  read(rule: BookRule, key: string): object {
    hashKey(this.#hash, rule.identity, key);
    const { low, high } = this.#hash;
    const { limits, concurrency, quotas } = this.#tables;
    switch (rule.kind) {
      case 'concurrency': {
        const inFlight = concurrency.inFlight(low, high);
        return { inFlight, remaining: Math.max(0, rule.config.max - inFlight) };
      }
      case 'rate':
        limits.peek(rule.rate, low, high, this.#nowMs);
        return { remaining: limits.remaining, fullInSec: Math.ceil(limits.resetMs / 1000) };
      case 'quota': {
        const { quota } = rule;
        const wallMs = Date.now();
        const startSec = quota.startSec(wallMs);
        const used = quotas.peek(low, high, startSec);
        return { used, remaining: quota.remaining(used), since: isoOf(startSec * 1000), until: isoOf(wallMs + quota.resetMs(wallMs)) };
      }
    }
  }

  /** The key is as new. False: it was. What is under way stays under way. */
  reset(rule: BookRule, key: string): boolean {
    hashKey(this.#hash, rule.identity, key);
    const { low, high } = this.#hash;
    switch (rule.kind) {
      case 'concurrency':
        return false;
      case 'rate':
        return this.#tables.limits.reset(rule.rate, low, high);
      case 'quota':
        return this.#tables.quotas.reset(low, high);
    }
  }
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
