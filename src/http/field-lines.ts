import type { FieldMarks } from './field-marks.ts';
import { FIELD_LOOKALIKE, FIELD_OTHER } from './known-fields.ts';
import { CHAR_CLASS, isBlank, TCHAR, UNDERSCORE, VALUE_CHAR } from './tokens.ts';

/**
 * Vets the field line that begins at `start` and adds it to `marks`, which must have room: name, colon, optional white space,
 * value, optional white space, CRLF (RFC 9112 5). Its kind becomes FIELD_OTHER, or FIELD_LOOKALIKE if the name has an
 * underscore; the caller, who knows the side, refines it.
 *
 * Refused are an empty name or one with a byte that is no tchar (so also white space before the colon, and folded lines),
 * control bytes in the value, and a line end other than CRLF.
 *
 * @returns where the next line begins, or -1 if the line is malformed
 */
export function markFieldLine(text: string, start: number, marks: FieldMarks): number {
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
  const index = marks.count++;
  marks.kinds[index] = (seen & UNDERSCORE) === 0 ? FIELD_OTHER : FIELD_LOOKALIKE;
  marks.starts[index] = start;
  marks.nameEnds[index] = nameEnd;
  marks.valueStarts[index] = valueStart;
  marks.valueEnds[index] = valueEnd;
  marks.ends[index] = at + 2;
  return at + 2;
}
