import type { Gap } from './coverage.ts';

/** Branches of `src/shm/` that no test takes, each with its reason: file, how the code begins, why. */
const REASONS: readonly (readonly [file: string, text: string, why: string])[] = [];

/** Behind the index of a cell: the type says that there may be none. */
const CELL = /^\?\? (?:0|0n|-1)$/;

export function reasonFor({ file, text }: Gap): string | undefined {
  if (CELL.test(text)) return 'for the type checker: the cell is there';
  return REASONS.find(([where, begin]) => file === `src/shm/${where}` && text.startsWith(begin))?.[2];
}
