import { FieldMarks } from '../http/field-marks.ts';
import { parseResponseHead, ResponseHead } from '../http/response-head.ts';

const MAX_FIELDS = 1000;

/** A place to read heads again that the cache has put together. What it holds is overwritten by the next call. */
const scratch = new ResponseHead(new FieldMarks(MAX_FIELDS));

/** `undefined` where the head cannot be read: it was stored by another version, or has become too long. */
export function reread(head: string): ResponseHead | undefined {
  return parseResponseHead(head, scratch, { maxFields: MAX_FIELDS }) === undefined ? scratch : undefined;
}
