import type { MarkedHead } from './connection-options.ts';
import { isBlank, isNameAt, isWordAt } from './tokens.ts';

/** The value of a field; of a repeated one, its values joined by `, ` (RFC 9110 5.3). `undefined` if it does not occur. */
export function fieldValue(head: MarkedHead, lowerName: string): string | undefined {
  const { starts, nameEnds, valueStarts, valueEnds, count } = head.marks;
  let value: string | undefined;
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    if ((nameEnds[i] ?? 0) - start !== lowerName.length || !isNameAt(head.text, start, lowerName)) continue;
    const next = head.text.slice(valueStarts[i], valueEnds[i]);
    value = value === undefined ? next : `${value}, ${next}`;
  }
  return value;
}

/** The same by kind, for the fields that have one. */
export function fieldValueOfKind(head: MarkedHead, kind: number): string | undefined {
  const { kinds, valueStarts, valueEnds, count } = head.marks;
  let value: string | undefined;
  for (let i = 0; i < count; i++) {
    if (kinds[i] !== kind) continue;
    const next = head.text.slice(valueStarts[i], valueEnds[i]);
    value = value === undefined ? next : `${value}, ${next}`;
  }
  return value;
}

/** Whether a comma-separated list of tokens has `lowerToken` among them, in any case. */
export function hasToken(value: string, lowerToken: string): boolean {
  let at = 0;
  while (at < value.length) {
    let comma = value.indexOf(',', at);
    if (comma < 0) comma = value.length;
    let end = comma;
    while (at < end && isBlank(value.charCodeAt(at))) at++;
    while (end > at && isBlank(value.charCodeAt(end - 1))) end--;
    if (isWordAt(value, at, end, lowerToken)) return true;
    at = comma + 1;
  }
  return false;
}

/** The field lines of `block` without those called `lowerName`. A block is whole lines, each with CRLF, without an empty one. */
export function removeFromBlock(block: string, lowerName: string): string {
  let kept = '';
  let at = 0;
  while (at < block.length) {
    const next = block.indexOf('\r\n', at) + 2;
    if (next < 2) return kept + block.slice(at);
    if (!isLineOf(block, at, lowerName)) kept += block.slice(at, next);
    at = next;
  }
  return kept;
}

/** `block` with this field alone of its name, at the end. Name and value must have been vetted (`isToken`, `isFieldValue`). */
export function setInBlock(block: string, name: string, value: string): string {
  return `${removeFromBlock(block, name.toLowerCase())}${name}: ${value}\r\n`;
}

/** The value of a field in a block, repeated ones joined by `, `; `undefined` if it does not occur. */
export function valueInBlock(block: string, lowerName: string): string | undefined {
  let value: string | undefined;
  let at = 0;
  while (at < block.length) {
    const lineEnd = block.indexOf('\r\n', at);
    if (lineEnd < 0) return value;
    if (isLineOf(block, at, lowerName)) {
      const next = block.slice(at + lowerName.length + 1, lineEnd).trim();
      value = value === undefined ? next : `${value}, ${next}`;
    }
    at = lineEnd + 2;
  }
  return value;
}

function isLineOf(block: string, start: number, lowerName: string): boolean {
  return block.charCodeAt(start + lowerName.length) === 0x3a && isNameAt(block, start, lowerName);
}
