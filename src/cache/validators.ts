import type { Validators } from '../http/conditional.ts';
import { N_BITS, N_DATE, N_LAST_MODIFIED, N_STATUS, BIT_VALIDATOR } from './numbers.ts';
import type { StoredView } from './stored.ts';

/** What the preconditions of a request are held against. */
export function validatorsOf({ meta, numbers }: StoredView): Validators {
  return {
    entityTag: meta.entityTag,
    lastModified: meta.lastModified,
    lastModifiedMs: numbers[N_LAST_MODIFIED] ?? Number.NaN,
    dateMs: numbers[N_DATE] ?? 0,
  };
}

/** Whether the origin can be asked if it still holds. Only of successes: a condition says nothing about other answers (RFC 9110 13.2.1). */
export function canValidate({ numbers }: StoredView): boolean {
  const status = numbers[N_STATUS] ?? 0;
  return ((numbers[N_BITS] ?? 0) & BIT_VALIDATOR) !== 0 && status >= 200 && status <= 299;
}
