import { type MarkedHead, nominatedNames } from './connection-options.ts';
import { type FieldEdits, isDroppedByEdits } from './field-edits.ts';

/** Values of a table over field kinds. */
export const KEEP = 0;
export const DROP = 1;

/**
 * The lines of a head that pass, as they stand: all whose kind `actions` keeps. Runs of neighbouring lines are copied with one
 * substring each, so a head from which little goes costs little.
 */
export function keptLines(head: MarkedHead, actions: Uint8Array): string {
  const { kinds, starts, ends, count } = head.marks;
  let kept = '';
  if (count === 0) return kept;
  let runStart = starts[0] ?? 0;
  let runEnd = runStart;
  for (let i = 0; i < count; i++) {
    if (actions[kinds[i] ?? 0] !== KEEP) {
      if (runEnd > runStart) kept += head.text.slice(runStart, runEnd);
      runStart = ends[i] ?? 0;
    }
    runEnd = ends[i] ?? 0;
  }
  return runEnd > runStart ? kept + head.text.slice(runStart, runEnd) : kept;
}

/** The same where `Connection` nominates fields, or edits are configured: then each line that the kind lets pass is asked by name. */
export function keptLinesByName(head: NominatingHead, actions: Uint8Array, edits: FieldEdits | undefined): string {
  const { kinds, starts, nameEnds, ends, count } = head.marks;
  const nominated = head.hasNominated ? nominatedNames(head) : undefined;
  let kept = '';
  for (let i = 0; i < count; i++) {
    if (actions[kinds[i] ?? 0] !== KEEP) continue;
    const start = starts[i] ?? 0;
    const nameEnd = nameEnds[i] ?? 0;
    if (nominated?.has(head.text.slice(start, nameEnd).toLowerCase())) continue;
    if (edits !== undefined && isDroppedByEdits(edits, head.text, start, nameEnd)) continue;
    kept += head.text.slice(start, ends[i]);
  }
  return kept;
}

export type NominatingHead = MarkedHead & { readonly hasNominated: boolean };
