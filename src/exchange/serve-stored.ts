import type { Lender } from '../base/direct-writer.ts';
import { type AnswerSegment, answerStored, type StoredAnswer } from '../cache/answer.ts';
import type { CacheRequest } from '../cache/cache-request.ts';
import { removeFromBlock } from '../http/fields.ts';
import { FieldMarks } from '../http/field-marks.ts';
import { parseResponseHead, ResponseHead } from '../http/response-head.ts';
import type { ObjectStore } from '../shm/object-store.ts';
import type { Caching } from './caching.ts';
import { LENT_BYTES } from './client-port.ts';
import type { EntryView } from './entry-view.ts';
import type { Exchange } from './exchange.ts';
import { answerFraming, clientBlock } from './messages.ts';
import type { RoutePlan } from './plan.ts';
import { StoredBody } from './stored-body.ts';
import type { StoredEntry } from './stored-entry.ts';

/** How a stored response becomes the answer to a client. */

const MAX_STORED_FIELDS = 1000;
/** A body up to this is kept as text beside the head that clients get. */
const MAX_TEXT_BYTES = 1024;
/** Of pieces that are never kept. */
const NO_LENDER: Lender = { onReturned: () => {} };
const scratch = new ResponseHead(new FieldMarks(MAX_STORED_FIELDS));

/** The client's field lines but for `Age` and `Cache-Status`. False: the stored head cannot be read. */
export function buildStoredBlock(exchange: Exchange, plan: RoutePlan, entry: EntryView): boolean {
  if (entry.builtBy === plan.response) return true;
  if (parseResponseHead(entry.meta.head, scratch, { maxFields: MAX_STORED_FIELDS }) !== undefined) return false;
  entry.built = clientBlock(exchange, plan, scratch);
  entry.statusText = scratch.statusText;
  // Rewritten redirects name the host that this client asked.
  entry.builtBy = plan.response.rewritesRedirects ? null : plan.response;
  return true;
}

/**
 * Answers a plain GET with the whole of a stored response; `block` has all its fields. False: the object went away under our
 * hands, look again.
 */
export function serveWhole(exchange: Exchange, caching: Caching, entry: StoredEntry, block: string): boolean {
  const { store } = caching;
  const { object } = entry;
  const { port } = exchange;
  // With its text at hand nothing is read from the store any more, and it was current a moment ago.
  const isText = object.bodyLength <= MAX_TEXT_BYTES && exchange.plan?.filters === null;
  const text = isText ? (entry.bodyText ?? readText(store, entry)) : null;
  if (text === null && !store.pin(object)) return false;
  store.touch(object);
  const length = object.bodyLength;
  const framing = entry.status === 204 || entry.status === 304 ? answerFraming('GET', entry.status, 0) : entry.framing;
  exchange.deliverHead({ status: entry.status, statusText: entry.statusText, block, framing, lengthWhenNone: -1 });
  if (text !== null) {
    exchange.facts.bytesSent += length;
    port?.writeBodyText(text);
    exchange.complete();
    return true;
  }
  if (port === null || length > LENT_BYTES || exchange.held !== null) {
    sendBody(exchange, caching, entry, [{ kind: 'stored', from: 0, to: length }]);
    return true;
  }
  exchange.facts.bytesSent += length;
  for (const piece of object.pieces) port.lendBody(piece, NO_LENDER);
  store.unpin(object);
  exchange.complete();
  return true;
}

/** The body as text, which the entry keeps. `null`: it went away meanwhile. */
function readText(store: ObjectStore, entry: StoredEntry): string | null {
  if (!store.pin(entry.object)) return null;
  let text = '';
  for (const piece of entry.object.pieces) text += piece.toString('latin1');
  store.unpin(entry.object);
  entry.bodyText = text;
  return text;
}

/** Answers any request that `decide` lets this entry answer: HEAD, conditions, ranges. False as for `serveWhole`. */
export function serveStored(exchange: Exchange, caching: Caching, entry: StoredEntry, request: CacheRequest, lines: string): boolean {
  const answer = answerStored(request, entry);
  const isHead = exchange.facts.method === 'HEAD';
  if (answer.kind === 'whole' && !isHead) return serveWhole(exchange, caching, entry, `${entry.built}${lines}`);
  const { store } = caching;
  if (!store.pin(entry.object)) return false;
  store.touch(entry.object);
  deliverPart(exchange, entry, answer, lines);
  if (isHead || answer.bodyBytes === 0) {
    store.unpin(entry.object);
    if (exchange.held === null) exchange.complete();
    else exchange.isHeldWhole = true;
    return true;
  }
  sendBody(exchange, caching, entry, answer.segments);
  return true;
}

function deliverPart(exchange: Exchange, entry: StoredEntry, answer: StoredAnswer, lines: string): void {
  const isWhole = answer.kind === 'whole';
  const statusText = isWhole ? entry.statusText : answer.statusText;
  const status = Number.parseInt(statusText, 10);
  const length = isWhole ? entry.bodyLength : answer.bodyBytes;
  let block = entry.built;
  for (const name of answer.dropped) block = removeFromBlock(block, name);
  const framing = answerFraming(exchange.facts.method, status, length);
  // A 304 and the answer to HEAD may tell the length that GET would get (RFC 9110 8.6); a stored HEAD has no body to tell it of.
  const lengthWhenNone = isWhole && !entry.isHeadersOnly ? length : -1;
  exchange.deliverHead({ status, statusText, block: `${block}${answer.lines}${lines}`, framing, lengthWhenNone });
}

function sendBody(exchange: Exchange, caching: Caching, entry: StoredEntry, segments: readonly AnswerSegment[]): void {
  const body = new StoredBody(exchange, caching.store, entry.object, segments);
  exchange.storedBody = body;
  // Where filters hold the head they pump when they let it go.
  if (exchange.held === null) body.pump();
}
