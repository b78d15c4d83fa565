import type { CacheControl } from '../http/cache-control.ts';
import { nominatedNames } from '../http/connection-options.ts';
import { formatHttpDate } from '../http/http-date.ts';
import { DROP, KEEP, keptLines } from '../http/kept-lines.ts';
import { FIELD_AGE, FIELD_CONTENT_LENGTH, FIELD_DATE, FIELD_KINDS, isHopByHop } from '../http/known-fields.ts';
import type { ResponseHead } from '../http/response-head.ts';

/** What becomes of each kind of field. Not stored: those of the hop (RFC 9111 3.1), the framing, and the age, which is reckoned anew. */
const ACTIONS = new Uint8Array(FIELD_KINDS);
for (let kind = 0; kind < FIELD_KINDS; kind++) {
  if (isHopByHop(kind) || kind === FIELD_CONTENT_LENGTH || kind === FIELD_AGE) ACTIONS[kind] = DROP;
}
/** The same where `Date` is written anew. */
const ACTIONS_BUT_DATE = ACTIONS.slice();
ACTIONS_BUT_DATE[FIELD_DATE] = DROP;

/** RFC 9111 3.2: what describes the stored bytes as they are; a 304 may not talk them into something else. */
const OF_STORED_BODY = new Set(['content-encoding', 'content-range', 'content-length', 'transfer-encoding']);

export type KeptHead = {
  readonly response: ResponseHead;
  /** Lower-case names of further fields that are not kept. */
  readonly dropped: ReadonlySet<string>;
  /** Where the response has no `Date` of its own that can be read: what stands in its place, ms since 1970 (RFC 9110 6.6.1); else NaN. */
  readonly addedDateMs: number;
};

const NO_NAMES: ReadonlySet<string> = new Set();

/** Names of fields that the response itself, and `also` (`''` = nothing), keep out of the store (RFC 9111 5.2.2.4, 5.2.2.7). */
export function unkeptNames({ noCacheFields, privateFields }: CacheControl, also: string): ReadonlySet<string> {
  if (noCacheFields.length + privateFields.length === 0 && also === '') return NO_NAMES;
  return new Set([...noCacheFields, ...privateFields, also]);
}

/** The field lines of a response that are kept. */
export function keptFields({ response, dropped, addedDateMs }: KeptHead): string {
  const isDateOurs = !Number.isNaN(addedDateMs);
  const actions = isDateOurs ? ACTIONS_BUT_DATE : ACTIONS;
  const isByName = response.hasNominated || dropped.size > 0;
  const block = isByName ? keptByName(response, actions, dropped) : keptLines(response, actions);
  return isDateOurs ? `${block}Date: ${formatHttpDate(addedDateMs)}\r\n` : block;
}

function keptByName(response: ResponseHead, actions: Uint8Array, dropped: ReadonlySet<string>): string {
  const { kinds, starts, nameEnds, ends, count } = response.marks;
  const nominated = response.hasNominated ? nominatedNames(response) : undefined;
  let block = '';
  for (let i = 0; i < count; i++) {
    if (actions[kinds[i] ?? 0] !== KEEP) continue;
    const name = response.text.slice(starts[i], nameEnds[i]).toLowerCase();
    if (!dropped.has(name) && !nominated?.has(name)) block += response.text.slice(starts[i], ends[i]);
  }
  return block;
}

/** `HTTP/1.1 200 OK`, the fields and the empty line. */
export function storedHead(minor: number, statusText: string, fields: string): string {
  return `HTTP/1.${minor} ${statusText}\r\n${fields}\r\n`;
}

/** The head that is stored, with the fields of a later answer in place of those of the same name (RFC 9111 3.2). */
export function updatedHead(head: string, newFields: string): string {
  const fieldsAt = head.indexOf('\r\n') + 2;
  const replaced = new Set<string>();
  let added = '';
  for (const line of linesOf(newFields)) {
    const name = lowerNameOf(line);
    if (OF_STORED_BODY.has(name)) continue;
    replaced.add(name);
    added += line;
  }
  let kept = '';
  for (const line of linesOf(head.slice(fieldsAt, -2))) if (!replaced.has(lowerNameOf(line))) kept += line;
  return `${head.slice(0, fieldsAt)}${kept}${added}\r\n`;
}

/** The same answer under another status line: parts that have become the whole are a 200. */
export function withStatus(head: string, statusText: string): string {
  return `${head.slice(0, 9)}${statusText}${head.slice(head.indexOf('\r\n'))}`;
}

function linesOf(block: string): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < block.length; ) {
    const next = block.indexOf('\r\n', at) + 2;
    lines.push(block.slice(at, next));
    at = next;
  }
  return lines;
}

function lowerNameOf(line: string): string {
  return line.slice(0, line.indexOf(':')).toLowerCase();
}
