import { N_COMPLETE_LENGTH, N_EPOCH, N_STATUS } from '../cache/numbers.ts';
import { isStrongMatch } from '../http/entity-tag.ts';
import { fieldValue } from '../http/fields.ts';
import { parseContentRange } from '../http/range.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { FillingObject } from '../shm/filling-object.ts';
import { startTry } from './attempts.ts';
import { CacheFill } from './cache-fill.ts';
import type { CacheRun } from './cache-run.ts';
import type { EntryView } from './entry-view.ts';

/**
 * An answer that broke off is gone on with from its last byte that is here, by `Range` and `If-Range`, where a strong validator tells
 * that what comes belongs to it (RFC 9110 sections 13.1.5 and 14.2). Clients in mid-stream see nothing of it.
 */

/** Of one answer. */
const MAX_RESUMES = 2;

/** What the rest of an answer is asked by. */
export type Resume = { readonly from: number; readonly entityTag: string; readonly completeLength: number };

/** The connection broke under this exchange's own fill. False: the answer cannot be gone on with. */
export function resumeOwn(run: CacheRun): boolean {
  const { fill } = run;
  if (fill === null || run.plan.filters !== null) return false;
  const { meta, numbers } = fill.view;
  run.resumes++;
  if (run.resumes > MAX_RESUMES || !fill.isResumable) return false;
  run.cache.metrics.countTakeover('resume');
  ask(run, { from: fill.bytesStored, entityTag: meta.entityTag, completeLength: numbers[N_COMPLETE_LENGTH] ?? -1 });
  return true;
}

/** Whoever filled `filling` has died or given up: this exchange fills another one, with the same bytes first. False: it cannot be. */
export function resumeFrom(run: CacheRun, filling: FillingObject, entry: EntryView): boolean {
  const { numbers } = entry;
  if (!entry.hasStrongTag || numbers[N_STATUS] !== 200 || run.plan.filters !== null) return false;
  const admission = { kind: 'store', key: filling.key, meta: filling.meta, numbers: numbers.slice(), bodyBytes: entry.bodyLength } as const;
  const fill = CacheFill.begin(run.cache, { admission, sequence: numbers[N_EPOCH] ?? 0, replaces: [], pieces: null, base: null });
  if (fill === null || !copyInto(fill, filling)) return false;
  run.fill = fill;
  run.resumes++;
  run.share();
  if (!run.readOwnFill()) return false;
  ask(run, { from: fill.bytesStored, entityTag: entry.meta.entityTag, completeLength: numbers[N_COMPLETE_LENGTH] ?? -1 });
  return true;
}

function copyInto(fill: CacheFill, filling: FillingObject): boolean {
  const { length } = filling;
  const cursor = filling.cursor();
  for (let bytes = cursor.next(length, length); bytes !== undefined; bytes = cursor.next(length, length)) {
    if (!fill.write(bytes)) return false;
  }
  return true;
}

function ask(run: CacheRun, resume: Resume): void {
  const { exchange, plan } = run;
  run.resume = resume;
  exchange.isResuming = true;
  startTry(exchange, plan, 'retry');
}

export function resumeLines({ from, entityTag }: Resume): string {
  return `Range: bytes=${from}-\r\nIf-Range: ${entityTag}\r\n`;
}

/** Whether the answer is the rest that was asked for. */
export function isRest({ from, entityTag, completeLength }: Resume, head: ResponseHead): boolean {
  if (head.status !== 206 || !isStrongMatch(fieldValue(head, 'etag') ?? '', entityTag)) return false;
  const part = parseContentRange(fieldValue(head, 'content-range') ?? '');
  if (part === undefined || part.first !== from || part.completeLength < 0) return false;
  return part.last + 1 === part.completeLength && (completeLength < 0 || completeLength === part.completeLength);
}
