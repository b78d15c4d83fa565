import { COPIED, copyHead, countControls } from './control-bytes.ts';
import type { FieldMarks } from './field-marks.ts';
import { FIELD_LOOKALIKE, FIELD_OTHER } from './known-fields.ts';
import { CHAR_CLASS, isBlank, TCHAR, UNDERSCORE, VALUE_CHAR } from './tokens.ts';

/** Results of `markFieldLines` below zero. */
export const MALFORMED_FIELD = -1;
export const TOO_MANY_FIELDS = -2;

/**
 * Vets all field lines of a head from `start`, which follows the start line's CRLF, up to the empty line, and puts them into
 * `marks` in place of what was there. A line is name, colon, optional white space, value, optional white space, CRLF
 * (RFC 9112 5). The kinds become FIELD_OTHER, or FIELD_LOOKALIKE where the name has an underscore; the caller, who knows the
 * side, refines them. The start line, `text[0, start)`, must have been vetted.
 *
 * @returns the index of the empty line; MALFORMED_FIELD, TOO_MANY_FIELDS
 */
export function markFieldLines(text: string, start: number, marks: FieldMarks, maxFields: number): number {
  const end = text.indexOf('\r\n\r\n', start - 2) + 2;
  if (end >= start && copyHead(end + 2 === text.length ? text : text.slice(0, end + 2))) {
    // All is well if every control byte belongs to one of the line ends found: those of the start line, of each field, and the last.
    if (markLinesAtCr(text, start, end, marks, maxFields) && countControls(end + 2) === 2 * (marks.count + 2)) return end;
  }
  return markLinesStrictly(text, start, marks, maxFields);
}

/** Marks the lines of the copied head without a look into the values; false if they are not as plain as that. */
function markLinesAtCr(text: string, start: number, end: number, marks: FieldMarks, maxFields: number): boolean {
  let at = start;
  marks.count = 0;
  while (at < end) {
    const lineStart = at;
    if (marks.count === maxFields) return false;
    let seen = 0;
    let charClass = CHAR_CLASS[COPIED[at] ?? 0] ?? 0;
    while ((charClass & TCHAR) !== 0) {
      seen |= charClass;
      charClass = CHAR_CLASS[COPIED[++at] ?? 0] ?? 0;
    }
    if (at === lineStart || COPIED[at] !== 0x3a) return false;
    const lineEnd = text.indexOf('\r', at);
    if (COPIED[lineEnd + 1] !== 0x0a) return false;
    addMark(marks, lineStart, at, lineEnd, seen);
    at = lineEnd + 2;
  }
  return at === end;
}

function addMark(marks: FieldMarks, start: number, nameEnd: number, lineEnd: number, seen: number): void {
  let valueStart = nameEnd + 1;
  let valueEnd = lineEnd;
  while (valueStart < valueEnd && isBlank(COPIED[valueStart] ?? 0)) valueStart++;
  while (valueEnd > valueStart && isBlank(COPIED[valueEnd - 1] ?? 0)) valueEnd--;
  if (marks.count === marks.room) marks.grow();
  const index = marks.count++;
  marks.kinds[index] = (seen & UNDERSCORE) === 0 ? FIELD_OTHER : FIELD_LOOKALIKE;
  marks.starts[index] = start;
  marks.nameEnds[index] = nameEnd;
  marks.valueStarts[index] = valueStart;
  marks.valueEnds[index] = valueEnd;
  marks.ends[index] = lineEnd + 2;
}

/** The plain way, for heads with HTAB in a value or of more than 64 KiB, and for the verdict on all that is not well. */
function markLinesStrictly(text: string, start: number, marks: FieldMarks, maxFields: number): number {
  let at = start;
  marks.count = 0;
  while (text.charCodeAt(at) !== 0x0d) {
    if (marks.count === maxFields) return TOO_MANY_FIELDS;
    at = markFieldLine(text, at, marks);
    if (at < 0) return MALFORMED_FIELD;
  }
  return text.charCodeAt(at + 1) === 0x0a ? at : MALFORMED_FIELD;
}

/**
 * Vets the one field line that begins at `start` and adds it to `marks`, which must have room. Refused are an empty name or
 * one with a byte that is no tchar (so also white space before the colon, and folded lines), control bytes in the value, and
 * a line end other than CRLF.
 *
 * @returns where the next line begins, or -1 if the line is malformed
 */
function markFieldLine(text: string, start: number, marks: FieldMarks): number {
  let at = start;
  let seen = 0;
  let charClass = CHAR_CLASS[text.charCodeAt(at)] ?? 0;
  while ((charClass & TCHAR) !== 0) {
    seen |= charClass;
    charClass = CHAR_CLASS[text.charCodeAt(++at)] ?? 0;
  }
  if (at === start || text.charCodeAt(at) !== 0x3a) return -1;
  const nameEnd = at++;
  while (isBlank(text.charCodeAt(at))) at++;
  const valueStart = at;
  while (((CHAR_CLASS[text.charCodeAt(at)] ?? 0) & VALUE_CHAR) !== 0) at++;
  if (text.charCodeAt(at) !== 0x0d || text.charCodeAt(at + 1) !== 0x0a) return -1;
  let valueEnd = at;
  while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--;
  if (marks.count === marks.room) marks.grow();
  const index = marks.count++;
  marks.kinds[index] = (seen & UNDERSCORE) === 0 ? FIELD_OTHER : FIELD_LOOKALIKE;
  marks.starts[index] = start;
  marks.nameEnds[index] = nameEnd;
  marks.valueStarts[index] = valueStart;
  marks.valueEnds[index] = valueEnd;
  marks.ends[index] = at + 2;
  return at + 2;
}
