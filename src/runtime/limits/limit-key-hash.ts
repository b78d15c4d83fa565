import type { LimitHash } from '../../policy/limit-hash.ts';

/** Sets `low` and `high` of the hash for a key of a limit, as workers do. `identity`: of the rule, `key`: its key's text. */
export function hashKey(hash: LimitHash, identity: string, key: string): void {
  hash.aim(identity, key);
}
