import type { CacheRequest } from './cache-request.ts';
import type { StoredView } from './stored.ts';

export type AnswerSegment =
  /** Bytes `from` to before `to` of the stored body. */
  | { readonly kind: 'stored'; readonly from: number; readonly to: number }
  /** Latin1 text between them: boundaries of multipart/byteranges. */
  | { readonly kind: 'text'; readonly text: string };

export type StoredAnswer = {
  /** `whole`: status and body as stored, nothing dropped or added, `segments` empty. The others say all. */
  readonly kind: 'whole' | 'not-modified' | 'range' | 'ranges' | 'unsatisfiable' | 'precondition-failed';
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

/** What the stored response answers to this request: RFC 9110 sections 13.2.2 and 14.2. `decide` must have chosen it. */
export function answerStored(request: CacheRequest, stored: StoredView): StoredAnswer {
  throw new Error(`pending: ${request.key} ${stored.bodyLength}`);
}
