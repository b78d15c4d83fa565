import { isRangeCurrent, judgeConditions } from '../http/conditional.ts';
import { fieldValue, valueInBlock } from '../http/fields.ts';
import { type ByteRange, formatContentRange, judgeRange } from '../http/range.ts';
import { ASKS_CONDITION, type CacheRequest } from './cache-request.ts';
import { isPartial, partAskedFor } from './coverage.ts';
import { N_COMPLETE_LENGTH, N_FIRST_BYTE, N_RESPONSE_TIME, N_STATUS } from './numbers.ts';
import type { StoredView } from './stored.ts';
import { validatorsOf } from './validators.ts';

export type AnswerSegment =
  /** Bytes `from` to before `to` of the stored body. */
  | { readonly kind: 'stored'; readonly from: number; readonly to: number }
  /** Latin1 text between them: boundaries of multipart/byteranges. */
  | { readonly kind: 'text'; readonly text: string };

export type StoredAnswer = {
  /** `whole`: status and body as stored, nothing dropped or added, `segments` empty. The others say all. */
  readonly kind: 'whole' | 'not-modified' | 'range' | 'ranges' | 'unsatisfiable';
  /** `206 Partial Content`; for `whole`, `''`: as in the stored head. */
  readonly statusText: string;
  /** Lower-case names of stored fields that this answer does not have. */
  readonly dropped: readonly string[];
  /** Field lines added, each with CRLF. */
  readonly lines: string;
  readonly segments: readonly AnswerSegment[];
  /** Sum of the segments. */
  readonly bodyBytes: number;
};

const WHOLE: StoredAnswer = Object.freeze({ kind: 'whole', statusText: '', dropped: [], lines: '', segments: [], bodyBytes: 0 });
/** RFC 9110 15.4.5: a 304 has what guides caches, not what describes a body that it has not. */
const NOT_MODIFIED: StoredAnswer = Object.freeze({
  kind: 'not-modified',
  statusText: '304 Not Modified',
  dropped: ['content-type', 'content-encoding', 'content-language', 'content-range', 'content-md5'],
  lines: '',
  segments: [],
  bodyBytes: 0,
});

/** What the stored response answers to this request: RFC 9110 sections 13.2.2 and 14.2. `decide` must have chosen it. */
export function answerStored(request: CacheRequest, stored: StoredView): StoredAnswer {
  if (request.bits === 0) return WHOLE;
  const status = stored.numbers[N_STATUS] ?? 0;
  const { head } = request;
  if (head === null || status < 200 || status > 299) return WHOLE;
  const validators = validatorsOf(stored);
  if ((request.bits & ASKS_CONDITION) !== 0 && judgeConditions(head, validators) === 'not-modified') return NOT_MODIFIED;
  if (isPartial(stored)) return answerPart(request, stored);
  if (request.range === '' || status !== 200 || !isRangeCurrent(fieldValue(head, 'if-range'), validators)) return WHOLE;
  return answerRange(request.range, stored);
}

function answerRange(range: string, stored: StoredView): StoredAnswer {
  const length = stored.bodyLength;
  const verdict = judgeRange(range, length);
  if (verdict.kind === 'ignored') return WHOLE;
  if (verdict.kind === 'unsatisfiable') return unsatisfiable(length);
  const [first] = verdict.ranges;
  if (first === undefined) return WHOLE;
  return verdict.ranges.length === 1 ? oneRange(first, 0, length) : manyRanges(verdict.ranges, stored);
}

/** A part, and a request for something in it. */
function answerPart(request: CacheRequest, stored: StoredView): StoredAnswer {
  const part = partAskedFor(request, stored);
  if (part === undefined) return WHOLE;
  return oneRange(part, stored.numbers[N_FIRST_BYTE] ?? 0, stored.numbers[N_COMPLETE_LENGTH] ?? -1);
}

/** `firstByte`: where in the representation the stored body begins. */
function oneRange(range: ByteRange, firstByte: number, completeLength: number): StoredAnswer {
  return {
    kind: 'range',
    statusText: '206 Partial Content',
    dropped: ['content-range'],
    lines: `Content-Range: ${formatContentRange(range, completeLength)}\r\n`,
    segments: [{ kind: 'stored', from: range.first - firstByte, to: range.last + 1 - firstByte }],
    bodyBytes: range.last + 1 - range.first,
  };
}

/** RFC 9110 15.3.7.2: `multipart/byteranges`, each part with its own Content-Type and Content-Range. */
function manyRanges(ranges: readonly ByteRange[], stored: StoredView): StoredAnswer {
  const boundary = boundaryOf(stored);
  const fieldsAt = stored.meta.head.indexOf('\r\n') + 2;
  const type = valueInBlock(stored.meta.head.slice(fieldsAt), 'content-type');
  const typeLine = type === undefined ? '' : `Content-Type: ${type}\r\n`;
  const segments: AnswerSegment[] = [];
  let bodyBytes = 0;
  const addText = (text: string): void => {
    segments.push({ kind: 'text', text });
    bodyBytes += text.length;
  };
  for (const range of ranges) {
    const start = segments.length === 0 ? '--' : '\r\n--';
    addText(`${start}${boundary}\r\n${typeLine}Content-Range: ${formatContentRange(range, stored.bodyLength)}\r\n\r\n`);
    segments.push({ kind: 'stored', from: range.first, to: range.last + 1 });
    bodyBytes += range.last + 1 - range.first;
  }
  addText(`\r\n--${boundary}--\r\n`);
  const lines = `Content-Type: multipart/byteranges; boundary=${boundary}\r\n`;
  return { kind: 'ranges', statusText: '206 Partial Content', dropped: ['content-type', 'content-range'], lines, segments, bodyBytes };
}

/**
 * Made of the very moment at which the response came, in fractions of a ms of a clock that nobody outside knows: whoever wrote
 * the body could not have written it in.
 */
function boundaryOf({ numbers }: StoredView): string {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, numbers[N_RESPONSE_TIME] ?? 0);
  return `sluice-part-${bits.getBigUint64(0).toString(36)}`;
}

/** RFC 9110 15.5.17. The body is the gateway's own and there is none. */
function unsatisfiable(length: number): StoredAnswer {
  return {
    kind: 'unsatisfiable',
    statusText: '416 Range Not Satisfiable',
    dropped: ['content-type', 'content-encoding', 'content-language', 'content-range', 'content-md5', 'etag', 'last-modified'],
    lines: `Content-Range: bytes */${length}\r\n`,
    segments: [],
    bodyBytes: 0,
  };
}
