import type { Numbers } from '../../../src/base/numbers.ts';
import { admit, type ExchangeTimes } from '../../../src/cache/admit.ts';
import { answerStored } from '../../../src/cache/answer.ts';
import { epochNamesForUri } from '../../../src/cache/cache-key.ts';
import { CacheRequest, readCacheRequest, searchKey } from '../../../src/cache/cache-request.ts';
import { combine } from '../../../src/cache/combine.ts';
import { Decision, decide, validationLines } from '../../../src/cache/decide.ts';
import { freshen, freshenByHead } from '../../../src/cache/freshen.ts';
import { currentAgeSec } from '../../../src/cache/freshness.ts';
import { invalidations } from '../../../src/cache/invalidate.ts';
import { BIT_HEADERS_ONLY, FLAG_INVALID, N_BITS, N_EPOCH } from '../../../src/cache/numbers.ts';
import { mayServeOnError } from '../../../src/cache/on-error.ts';
import { type CachePolicy, compileCachePolicy } from '../../../src/cache/policy.ts';
import { decodeMeta, epochNames, type StoredMeta, type StoredView } from '../../../src/cache/stored.ts';
import type { RouteCacheConfig } from '../../../src/config/types.ts';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import { setInBlock } from '../../../src/http/fields.ts';
import { parseRequestHead, RequestHead } from '../../../src/http/request-head.ts';
import { parseResponseHead, ResponseHead } from '../../../src/http/response-head.ts';

export const CONFIG: RouteCacheConfig = {
  methods: ['GET', 'HEAD'],
  maxObjectBytes: 10 * 2 ** 20,
  key: { query: { kind: 'all' }, sortQuery: true, headers: [], cookies: [] },
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  defaultTtlMs: 0,
  heuristic: { fraction: 0.1, maxMs: 24 * 3600 * 1000 },
  negativeTtl: [],
  ttl: [],
  storeSetCookie: false,
  tagsHeaders: ['surrogate-key', 'cache-tag'],
  targeted: ['cdn-cache-control'],
  debug: false,
  maxVariants: 32,
  noVarySearch: true,
  ignoreClientCacheControl: false,
};

export function policy(more: Partial<RouteCacheConfig> = {}, name = 'route'): CachePolicy {
  return compileCachePolicy(name, { ...CONFIG, ...more });
}

/** A vetted request head of these lines, `Host` first if it is not among them. */
export function requestHead(start: string, ...lines: readonly string[]): RequestHead {
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['Host: h.example'];
  const head = new RequestHead(new FieldMarks(64));
  const refusal = parseRequestHead(`${[start, ...host, ...lines].join('\r\n')}\r\n\r\n`, head, { maxTargetBytes: 8192, maxFields: 64 });
  if (refusal !== undefined) throw new Error(`refused: ${refusal}`);
  return head;
}

export function responseHead(start: string, ...lines: readonly string[]): ResponseHead {
  const head = new ResponseHead(new FieldMarks(64));
  const fault = parseResponseHead(`${[`HTTP/1.1 ${start}`, ...lines].join('\r\n')}\r\n\r\n`, head, { maxFields: 64 });
  if (fault !== undefined) throw new Error(`fault: ${fault}`);
  return head;
}

/** A request as the rules see it. */
export function asked(head: RequestHead, of: CachePolicy = policy(), contentDigest = ''): CacheRequest {
  const request = new CacheRequest();
  readCacheRequest(of, head, { scheme: 'http', contentDigest }, request);
  return request;
}

/** What an origin answers; no head = it breaks off. */
export type OriginReply = { readonly head: ResponseHead; readonly body: string };
export type ModelReply = { readonly status: number; readonly head: string; readonly body: string };
type Entry = StoredView & { flags: number; readonly key: string; readonly body: string; readonly sequence: number };

/** The exchange's order of events over a list in place of the store, one request at a time, with a clock that stands until it is moved. */
export class ModelCache {
  nowMs = 1000.25;
  epochMs = Date.UTC(2026, 10, 24, 12, 0, 0, 250);
  readonly policy: CachePolicy;
  entries: Entry[] = [];
  decision = new Decision();
  private sequence = 0;
  private readonly bumps = new Map<string, number>();

  constructor(of: CachePolicy) {
    this.policy = of;
  }

  wait(ms: number): void {
    this.nowMs += ms;
    this.epochMs += ms;
  }

  /** `ask` is the origin: gets the request head as text, gives its answer or nothing. */
  handle(head: RequestHead, ask: (request: RequestHead) => OriginReply | undefined): ModelReply {
    const request = asked(head, this.policy);
    const { decision } = this;
    const candidates = [...this.find(request.key), ...this.find(searchKey(request))];
    decide(request, candidates, this.nowMs, decision);
    const chosen = decision.chosen as Entry | null;
    if (decision.kind === 'refuse') return { status: 504, head: 'HTTP/1.1 504 Gateway Timeout\r\n\r\n', body: '' };
    if (decision.kind === 'serve' && chosen !== null) {
      const reply = this.serve(request, chosen);
      if (decision.isRefreshDue) this.refresh(request, chosen, ask);
      return reply;
    }
    return this.forward(request, chosen, ask);
  }

  private forward(request: CacheRequest, chosen: Entry | null, ask: (request: RequestHead) => OriginReply | undefined): ModelReply {
    const { decision } = this;
    const sequence = ++this.sequence;
    const sent = this.sentHead(request, decision.isStripped, decision.addedLines);
    const requestMs = this.nowMs;
    const answer = ask(sent);
    const times = this.timesFrom(requestMs);
    if (chosen !== null && mayServeOnError(request, chosen, this.nowMs, answer?.head.status ?? 0)) return this.serve(request, chosen);
    if (answer === undefined) return { status: 502, head: 'HTTP/1.1 502 Bad Gateway\r\n\r\n', body: '' };
    if (request.method === 'unsafe') this.invalidate(request, answer.head);
    const { status } = answer.head;
    if (status === 304 && decision.kind === 'revalidate' && chosen !== null) return this.takeNotModified(request, chosen, answer.head, ask);
    if (status === 206 && chosen !== null && this.takePart(request, chosen, answer, times) && decision.asksForRest) {
      return this.handle(request.head as RequestHead, ask);
    }
    const isHeadOverGet = request.method === 'head' && chosen !== null && ((chosen.numbers[N_BITS] ?? 0) & BIT_HEADERS_ONLY) === 0;
    if (isHeadOverGet && status === 200) this.takeHead(request, chosen, answer.head, times);
    else if (decision.mayStore) {
      const entry = this.store(request, answer, times, chosen, request.method === 'unsafe' ? this.sequence : sequence);
      if (entry !== undefined && decision.isStripped && answerStored(request, entry).kind === 'not-modified')
        return this.serve(request, entry);
    }
    return { status, head: answer.head.text, body: answer.body };
  }

  private refresh(request: CacheRequest, chosen: Entry, ask: (request: RequestHead) => OriginReply | undefined): void {
    const answer = ask(this.sentHead(request, true, validationLines(chosen)));
    const times = this.timesFrom(this.nowMs);
    if (answer === undefined) return;
    if (answer.head.status === 304) this.replace(chosen, freshen(request, chosen, answer.head, times));
    else this.store(request, answer, times, chosen, this.sequence);
  }

  private timesFrom(requestMs: number): ExchangeTimes {
    return { requestMs, responseMs: this.nowMs, responseEpochMs: this.epochMs };
  }

  private takeNotModified(
    request: CacheRequest,
    chosen: Entry,
    head: ResponseHead,
    ask: (request: RequestHead) => OriginReply | undefined,
  ): ModelReply {
    const freshening = freshen(request, chosen, head, this.timesFrom(this.nowMs));
    if (freshening.kind === 'mismatch') {
      this.entries = this.entries.filter((entry) => entry !== chosen);
      return this.handle(request.head as RequestHead, ask);
    }
    return this.serve(request, this.replace(chosen, freshening) ?? chosen);
  }

  private replace(chosen: Entry, freshening: ReturnType<typeof freshen>): Entry | undefined {
    this.entries = this.entries.filter((entry) => entry !== chosen);
    if (freshening.kind === 'mismatch') return undefined;
    freshening.numbers[N_EPOCH] = this.sequence;
    const entry: Entry = { ...chosen, flags: 0, meta: metaOf(freshening.meta), numbers: freshening.numbers, sequence: this.sequence };
    if (freshening.mayKeep) this.entries.unshift(entry);
    return entry;
  }

  private takeHead(request: CacheRequest, chosen: Entry, head: ResponseHead, times: ExchangeTimes): void {
    const freshening = freshenByHead(request, chosen, head, times);
    if (freshening.kind === 'mismatch') chosen.flags |= FLAG_INVALID;
    else this.replace(chosen, freshening);
  }

  private takePart(request: CacheRequest, chosen: Entry, answer: OriginReply, times: ExchangeTimes): boolean {
    const combination = combine(request, chosen, answer.head, times);
    if (combination.kind === 'apart') return false;
    const { admission, pieces } = combination;
    const body = pieces.map(({ from, start, end }) => (from === 'stored' ? chosen.body : answer.body).slice(start, end)).join('');
    this.entries = this.entries.filter((entry) => entry !== chosen);
    this.add(admission, body, this.sequence);
    return true;
  }

  private store(
    request: CacheRequest,
    answer: OriginReply,
    times: ExchangeTimes,
    chosen: Entry | null,
    sequence: number,
  ): Entry | undefined {
    const admission = admit(request, answer.head, times);
    if (admission.kind === 'skip') return undefined;
    const meta = metaOf(admission.meta);
    this.entries = this.entries.filter(
      (entry) => entry.key !== admission.key || (entry !== chosen && entry.meta.vary.join('\0') !== meta.vary.join('\0')),
    );
    return this.add(admission, request.method === 'head' ? '' : answer.body, sequence);
  }

  private add({ key, meta, numbers }: { key: string; meta: string; numbers: Numbers }, body: string, sequence: number): Entry {
    numbers[N_EPOCH] = sequence;
    const entry: Entry = { key, meta: metaOf(meta), numbers, flags: 0, bodyLength: body.length, body, sequence };
    this.entries.unshift(entry);
    return entry;
  }

  private find(key: string): Entry[] {
    if (key === '') return [];
    return this.entries.filter(
      (entry) => entry.key === key && epochNames(entry.meta).every((name) => (this.bumps.get(name) ?? 0) <= entry.sequence),
    );
  }

  private invalidate(request: CacheRequest, response: ResponseHead): void {
    const invalid = invalidations(request.head as RequestHead, request.scheme, response);
    if (invalid === undefined) return;
    this.sequence++;
    for (const uri of invalid.uris) for (const name of epochNamesForUri([this.policy], uri)) this.bumps.set(name, this.sequence);
    for (const name of invalid.groupNames) this.bumps.set(name, this.sequence);
  }

  private serve(request: CacheRequest, entry: Entry): ModelReply {
    const answer = answerStored(request, entry);
    const start = entry.meta.head.slice(9, entry.meta.head.indexOf('\r\n'));
    let block = entry.meta.head.slice(entry.meta.head.indexOf('\r\n') + 2, -2);
    for (const name of answer.dropped) block = withoutField(block, name);
    block = setInBlock(`${block}${answer.lines}`, 'Age', String(currentAgeSec(entry.numbers, this.nowMs)));
    const statusText = answer.kind === 'whole' ? start : answer.statusText;
    const text = answer.segments
      .map((segment) => (segment.kind === 'text' ? segment.text : entry.body.slice(segment.from, segment.to)))
      .join('');
    const body = request.method === 'head' ? '' : answer.kind === 'whole' ? entry.body : text;
    return { status: Number.parseInt(statusText, 10), head: `HTTP/1.1 ${statusText}\r\n${block}\r\n`, body };
  }

  private sentHead({ head }: CacheRequest, isStripped: boolean, addedLines: string): RequestHead {
    const text = head?.text ?? '';
    const end = text.indexOf('\r\n') + 2;
    let block = text.slice(end, -2);
    if (isStripped) for (const name of STRIPPED) block = withoutField(block, name);
    const sent = new RequestHead(new FieldMarks(64));
    const refusal = parseRequestHead(`${text.slice(0, end)}${block}${addedLines}\r\n`, sent, { maxTargetBytes: 8192, maxFields: 64 });
    if (refusal !== undefined) throw new Error(`the origin would refuse it: ${refusal}`);
    return sent;
  }
}

const STRIPPED = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range'];

function metaOf(text: string): StoredMeta {
  const meta = decodeMeta(text);
  if (meta === undefined) throw new Error('unreadable meta');
  return meta;
}

function withoutField(block: string, lowerName: string): string {
  return block
    .split('\r\n')
    .filter((line) => !line.toLowerCase().startsWith(`${lowerName}:`))
    .join('\r\n');
}
