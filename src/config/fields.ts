import { isEditableField } from '../http/field-edits.ts';
import { isFieldValue, isToken } from '../http/tokens.ts';
import { bad, good, type Parsed } from './problem.ts';

const MAX_NAME = 128;
const MAX_VALUE_BYTES = 8192;

export function parseFieldName(text: string): Parsed<string> {
  if (text.length > MAX_NAME) return bad(`must not be longer than ${MAX_NAME} characters`);
  return isToken(text) ? good(text) : bad('is not a header name (RFC 9110 5.1): letters, digits and -');
}

/** A name that a route may set or remove. */
export function parseEditableName(text: string): Parsed<string> {
  const name = parseFieldName(text);
  if (name.kind === 'bad') return name;
  const lower = text.toLowerCase();
  if (!isEditableField(lower)) return bad('is a field of the connection or the framing; the proxy writes it itself');
  if (lower === 'host') return bad('cannot be edited', 'use `host: upstream` on the upstream');
  return name;
}

/** Latin1 text of at most 8 KiB, without white space at its ends and without controls (RFC 9110 5.5). */
export function parseFieldValue(text: string): Parsed<string> {
  if (text.length > MAX_VALUE_BYTES) return bad(`must not be longer than ${MAX_VALUE_BYTES} bytes`);
  return isFieldValue(text)
    ? good(text)
    : bad('is not a header value: no line breaks, controls, outer white space or characters beyond latin1');
}
