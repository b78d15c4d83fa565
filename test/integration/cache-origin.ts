import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReceivedRequest } from '../harness/http-request.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import type { Row, Step } from './cache-row.ts';

export type Line = { readonly name: string; readonly value: string; readonly isChecked: boolean };

const DATES = new Set(['date', 'expires', 'last-modified', 'if-modified-since', 'if-unmodified-since', 'if-range']);
const BODILESS = new Set([204, 304]);
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** `Thursday, 18-Aug-50 02:01:18 GMT` (RFC 9110 5.6.7). */
function rfc850(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(' ');
  return `${DAYS[date.getUTCDay()]}, ${day}-${month}-${year?.slice(2)} ${time} GMT`;
}

/** A line of a row as it goes on the wire. */
export function resolveLine(line: string, nowMs: number, base: string): Line {
  const isChecked = !line.startsWith('~');
  const text = isChecked ? line : line.slice(1);
  const colon = text.indexOf(':');
  const name = text.slice(0, colon);
  const written = text.slice(colon + 1).replace(/^ /, '');
  const offset = DATES.has(name.toLowerCase()) ? /^(@@?)(-?\d+)$/.exec(written) : null;
  if (offset === null) return { name, value: written.replace('{base}', base).replaceAll('{key}', base.slice(3, 39)), isChecked };
  const date = new Date(nowMs + Number(offset[2]) * 1000);
  return { name, value: offset[1] === '@@' ? rfc850(date) : date.toUTCString(), isChecked };
}

/** One request of a case as the origin saw it. */
export type Seen = { readonly step: number; readonly request: ReceivedRequest; readonly sent: readonly Line[] };

/** One run of a row: a path and a text of its own. */
export class Case {
  readonly row: Row;
  readonly key: string = randomUUID();
  readonly seen: Seen[] = [];

  constructor(row: Row) {
    this.row = row;
  }

  get base(): string {
    return `/t/${this.key}`;
  }

  /** The value of a field (lower case) in the answer to this step, or to the latest one before it that had it. */
  latest(name: string, step: number): string | undefined {
    for (let at = step; at > 0; at--) {
      const value = this.#linesOf(at).find((line) => line.name.toLowerCase() === name)?.value;
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** The lines that the origin sent last for this step, or the lines as the row has them. */
  #linesOf(step: number): readonly Line[] {
    const latest = this.seen.findLast((seen) => seen.step === step);
    return latest?.sent ?? (this.row.steps[step - 1]?.reply ?? []).map((line) => resolveLine(line, 0, this.base));
  }
}

/** An origin that answers by the rows: the path tells the case, the field Req-Num the step. */
export class CaseOrigin {
  readonly origin: RawOrigin;
  readonly #cases: Map<string, Case>;

  private constructor(origin: RawOrigin, cases: Map<string, Case>) {
    this.origin = origin;
    this.#cases = cases;
  }

  static async start(): Promise<CaseOrigin> {
    const cases = new Map<string, Case>();
    const origin = await RawOrigin.answering((request, _index, connection) => answer(cases, request, connection));
    return new CaseOrigin(origin, cases);
  }

  open(row: Row): Case {
    const opened = new Case(row);
    this.#cases.set(opened.key, opened);
    return opened;
  }
}

async function answer(
  cases: ReadonlyMap<string, Case>,
  request: ReceivedRequest,
  connection: RawPeer,
): Promise<string | Uint8Array | undefined> {
  const found = cases.get(/^\/t\/([0-9a-f-]{36})/.exec(request.target)?.[1] ?? '');
  const number = Number(request.field('Req-Num') ?? (found?.seen.length ?? 0) + 1);
  const step = found?.row.steps[number - 1];
  if (found === undefined || step === undefined) return 'HTTP/1.1 409 Unknown\r\nContent-Length: 0\r\n\r\n';
  if (step.thinksSec !== undefined) await sleep(step.thinksSec * 1000);
  const nowMs = Date.now();
  const lines = (step.reply ?? []).map((line) => resolveLine(line, nowMs, request.target));
  found.seen.push({ step: number, request, sent: lines });
  if (step.drops) {
    connection.close();
    return undefined;
  }
  const bytes = Buffer.from(interimText(step) + replyText(found, step, { number, request, lines, nowMs }), 'latin1');
  if (!step.closes) return bytes;
  await connection.send(bytes);
  connection.halfClose();
  return undefined;
}

const interimText = (step: Step): string =>
  (step.interim ?? [])
    .map(({ status, fields = [] }) => `HTTP/1.1 ${status} Interim\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`)
    .join('');

type Asked = { readonly number: number; readonly request: ReceivedRequest; readonly lines: readonly Line[]; readonly nowMs: number };

function replyText(found: Case, step: Step, asked: Asked): string {
  const [code, reason] = statusFor(found, step, asked);
  const has = (name: string): boolean => asked.lines.some((line) => line.name.toLowerCase() === name);
  const body = BODILESS.has(code) ? '' : (step.content ?? found.key);
  const own = [
    `Server-Request-Count: ${found.seen.length}`,
    `Client-Request-Count: ${asked.number}`,
    `Server-Now: ${asked.nowMs}`,
    ...asked.lines.map(({ name, value }) => `${name}: ${value}`),
    ...(has('date') ? [] : [`Date: ${new Date(asked.nowMs).toUTCString()}`]),
    ...(has('content-type') ? [] : ['Content-Type: text/plain']),
    ...framing(step, code, has, body),
    `Request-Numbers: ${found.seen.map((seen) => seen.step).join(' ')}`,
  ];
  return `HTTP/1.1 ${code} ${reason}\r\n${own.join('\r\n')}\r\n\r\n${asked.request.method === 'HEAD' ? '' : framed(step, body)}`;
}

function framing(step: Step, code: number, has: (name: string) => boolean, body: string): readonly string[] {
  if (BODILESS.has(code) || has('content-length') || has('transfer-encoding')) return [];
  return [step.isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`];
}

function framed(step: Step, body: string): string {
  if (!step.isChunked) return body;
  const chunks = body.match(/.{1,10}/gs) ?? [];
  return `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
}

/** 304 where the step wants a validation and the request carries the latest validator; 599 where it does not. */
function statusFor(found: Case, step: Step, { number, request }: Asked): readonly [number, string] {
  if (step.expect !== 'etag_validated' && step.expect !== 'lm_validated') return step.status ?? [200, 'OK'];
  const tag = found.latest('etag', number - 1);
  const modified = found.latest('last-modified', number - 1);
  const isMet =
    (tag !== undefined && request.fieldAll('if-none-match').join(', ') === tag) ||
    (modified !== undefined && request.fieldAll('if-modified-since').join(', ') === modified);
  return isMet ? [304, 'Not Modified'] : [599, 'Not conditional'];
}
