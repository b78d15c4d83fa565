import type { KeyedHash } from '../../shm/keyed-hash.ts';

/** Sets `low` and `high` of the hash for a key of a limit, as workers do. `identity`: of the rule, `key`: its key's text. */
export function hashKey(hash: KeyedHash, identity: string, key: string): void {
  hash.hash(`${identity}\0${key}`);
}
