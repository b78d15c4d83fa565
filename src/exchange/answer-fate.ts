import type { StoredEntry } from './stored-entry.ts';

/**
 * What becomes of an upstream's answer on a route that caches. `pass`: it is the client's. Else it is read to its end, and what follows is the
 * request `anew`, another `look` into the store, or the answer that stands there (`replace`), which may not be kept after its last use.
 */
export type AnswerFate =
  | { readonly kind: 'pass' | 'anew' | 'look' }
  | { readonly kind: 'replace'; readonly by: StoredEntry; readonly isLastUse: boolean };

export const PASS: AnswerFate = { kind: 'pass' };
export const ANEW: AnswerFate = { kind: 'anew' };
export const LOOK: AnswerFate = { kind: 'look' };
