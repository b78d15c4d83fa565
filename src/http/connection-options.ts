import type { FieldMarks } from './field-marks.ts';
import { FIELD_CONNECTION, FIELD_OTHER, isHopByHop } from './known-fields.ts';
import { isBlank, isWordAt } from './tokens.ts';

/** What both kinds of head have in common: text, and where its fields stand. */
export type MarkedHead = { readonly text: string; readonly marks: FieldMarks };

/** Tells the kind of a field by its name in place; one function for each side. */
export type FieldLookup = (text: string, start: number, length: number) => number;

/** Bits of `connectionOptions`. */
export const CONNECTION_CLOSE = 1;
export const CONNECTION_KEEP_ALIVE = 2;
/** A field is named that is not dropped anyway. */
export const CONNECTION_NOMINATES = 4;
/** The option `upgrade` is there. */
export const CONNECTION_UPGRADE = 8;

/** Reads the options of the `Connection` line `index` (RFC 9110 7.6.1): a list of tokens in any case, empty members allowed. */
export function connectionOptions(head: MarkedHead, index: number, lookup: FieldLookup): number {
  const text = head.text;
  const end = head.marks.valueEnds[index] ?? 0;
  let at = head.marks.valueStarts[index] ?? 0;
  let options = 0;
  while (at < end) {
    let comma = text.indexOf(',', at);
    if (comma < 0 || comma > end) comma = end;
    let last = comma;
    while (at < last && isBlank(text.charCodeAt(at))) at++;
    while (last > at && isBlank(text.charCodeAt(last - 1))) last--;
    if (last > at) options |= optionBit(text, at, last, lookup);
    at = comma + 1;
  }
  return options;
}

function optionBit(text: string, start: number, end: number, lookup: FieldLookup): number {
  if (isWordAt(text, start, end, 'keep-alive')) return CONNECTION_KEEP_ALIVE;
  if (isWordAt(text, start, end, 'close')) return CONNECTION_CLOSE;
  if (isWordAt(text, start, end, 'upgrade')) return CONNECTION_UPGRADE;
  const kind = lookup(text, start, end - start);
  return kind !== FIELD_OTHER && isHopByHop(kind) ? 0 : CONNECTION_NOMINATES;
}

/** Of the head that was asked about last: it is asked about for each field that an answer varies by, and may name thousands. */
let lastText = '';
let lastNames: ReadonlySet<string> = new Set();

/** The lower-case names of all fields that `Connection` nominates. Allocates: only for heads whose `hasNominated` is set. */
export function nominatedNames(head: MarkedHead): ReadonlySet<string> {
  if (head.text !== lastText) {
    lastNames = readNominated(head);
    lastText = head.text;
  }
  return lastNames;
}

function readNominated({ text, marks }: MarkedHead): ReadonlySet<string> {
  const names = new Set<string>();
  for (let i = 0; i < marks.count; i++) {
    if (marks.kinds[i] !== FIELD_CONNECTION) continue;
    const value = text.slice(marks.valueStarts[i], marks.valueEnds[i]).toLowerCase();
    for (const member of value.split(',')) names.add(member.trim());
  }
  return names;
}
