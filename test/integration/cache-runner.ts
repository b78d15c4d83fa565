import { setTimeout as sleep } from 'node:timers/promises';
import { type Fields, fieldValues } from '../harness/http-message.ts';
import type { Reply } from '../harness/http-reply.ts';
import { connectRaw } from '../harness/raw-client.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { type Case, type CaseOrigin, resolveLine } from './cache-origin.ts';
import type { Row, Step } from './cache-row.ts';

/** What is tested: a cache in front of the origin of the rows. */
export type Subject = {
  readonly port: number;
  readonly origin: CaseOrigin;
  /** Whether Cache-Status (RFC 9211) is on every answer and must agree with what happened. */
  readonly hasCacheStatus: boolean;
  /** Each step has a connection of its own, which may come to another worker. */
  readonly reconnects?: boolean;
};

const WAIT_MS = 3000;
const REPLY_TIMEOUT_MS = 20_000;
const BODILESS = new Set([204, 304]);
/** What the client of the public suite sends with every request; the two odd ones are there on purpose. */
const CLIENT_LINES: readonly string[] = [
  'Pragma: foo',
  'Cache-Control: nothing-to-see-here',
  'Accept: */*',
  'Accept-Language: *',
  'Sec-Fetch-Mode: cors',
  'User-Agent: node',
  'Accept-Encoding: gzip, deflate',
];
/** Lists that the public suite's client joins into one line. */
const JOINED = ['Pragma', 'Cache-Control'];

/** A step that took longer than this was held up by the machine; seconds count in the rows. */
const LATE_MS = 500;
const MAX_RUNS = 4;

/**
 * Runs one row and gives what was not as it should be; nothing if all was. A run that the machine held up says nothing, and is
 * done again.
 */
export async function runRow(subject: Subject, row: Row): Promise<readonly string[]> {
  for (let run = 1; ; run++) {
    const { problems, isLate } = await runOnce(subject, row);
    if (problems.length === 0 || !isLate || run === MAX_RUNS) return problems;
  }
}

async function runOnce(subject: Subject, row: Row): Promise<{ readonly problems: readonly string[]; readonly isLate: boolean }> {
  const opened = subject.origin.open(row);
  const client = new Client(subject.port);
  const replies: Reply[] = [];
  const problems: string[] = [];
  let isLate = false;
  try {
    for (const [index, step] of row.steps.entries()) {
      const startMs = performance.now();
      const reply = await client.ask(requestText(opened, index + 1, replies.at(-1)), step.method ?? 'GET');
      replies.push(reply);
      if (subject.reconnects) client.close();
      problems.push(...checkReply(opened, index + 1, reply), ...(subject.hasCacheStatus ? checkCacheStatus(step, reply, index + 1) : []));
      if (step.waits) await sleep(WAIT_MS);
      const plannedMs = (step.waits ? WAIT_MS : 0) + (step.thinksSec ?? 0) * 1000;
      isLate ||= performance.now() - startMs > plannedMs + LATE_MS;
    }
  } catch (error) {
    problems.push(String(error));
  } finally {
    client.close();
  }
  return { problems: [...problems, ...checkOrigin(opened, replies)], isLate };
}

/** One connection after another to the subject, each used as long as it lives. */
class Client {
  readonly #port: number;
  #peer: RawPeer | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  async ask(request: string, method: string): Promise<Reply> {
    if (this.#peer === undefined || this.#peer.isEnded) {
      this.close();
      this.#peer = await connectRaw(this.#port);
    }
    await this.#peer.send(request);
    const reply = await this.#peer.readReply(method, REPLY_TIMEOUT_MS);
    if (fieldValues(reply.fields, 'connection').join().toLowerCase().includes('close')) this.close();
    return reply;
  }

  close(): void {
    this.#peer?.close();
    this.#peer = undefined;
  }
}

function requestText(opened: Case, number: number, before: Reply | undefined): string {
  const step = opened.row.steps[number - 1] as Step;
  const nowMs = Number(before?.field('Server-Now') ?? Date.now());
  const given = (step.send ?? []).map((line) => {
    const { name, value } = resolveLine(line, nowMs, opened.base);
    return `${name}: ${value}`;
  });
  const hasGiven = (name: string): boolean => given.some((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  const defaults = CLIENT_LINES.filter((line) => !hasGiven(line.slice(0, line.indexOf(':'))));
  const joined = given.map((line) => joinDefault(line));
  const path = `${opened.base}${step.file === undefined ? '' : `/${step.file}`}${step.query === undefined ? '' : `?${step.query}`}`;
  const body = step.body === undefined ? [] : [`Content-Length: ${step.body.length}`];
  const lines = [`Host: ${step.host ?? '127.0.0.1'}`, ...defaults, ...joined, `Test-ID: ${opened.row.id}`, `Req-Num: ${number}`, ...body];
  return `${step.method ?? 'GET'} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${step.body ?? ''}`;
}

function joinDefault(line: string): string {
  const name = JOINED.find((known) => line.startsWith(`${known}:`));
  const own = CLIENT_LINES.find((known) => name !== undefined && known.startsWith(`${name}:`));
  return name === undefined || own === undefined ? line : `${own}, ${line.slice(name.length + 2)}`;
}

function checkReply(opened: Case, number: number, reply: Reply): readonly string[] {
  const step = opened.row.steps[number - 1] as Step;
  const madeFor = Number.parseInt(reply.fieldAll('Client-Request-Count').join(), 10);
  const serverNowMs = Number(reply.field('Server-Now') ?? 0);
  const isBare304 = reply.status === 304 && Number.isNaN(madeFor);
  const problems: string[] = [];
  const expect = (isTrue: boolean, what: string): void => {
    if (!isTrue) problems.push(`step ${number}: ${what}`);
  };
  const numbers = reply.fieldAll('Request-Numbers').join(' ').split(' ');
  expect(new Set(numbers).size === numbers.length, `the origin was asked twice: ${numbers}`);
  if (step.expect === 'cached') expect(isBare304 || madeFor < number, `not from the cache (${reply.status}, made for step ${madeFor})`);
  if (step.expect === 'not_cached') expect(madeFor === number, `from the cache (${reply.status}, made for step ${madeFor})`);
  const status = step.gets ?? step.status?.[0] ?? 200;
  expect(status === 'any' || reply.status === status, `status ${reply.status}, not ${status}`);
  for (const wanted of step.has ?? []) expect(hasField(reply, wanted, serverNowMs), `no ${wanted}, but ${nameIn(reply, wanted)}`);
  for (const unwanted of step.lacks ?? []) expect(!hasField(reply, unwanted, serverNowMs), `has ${unwanted}`);
  if (step.getsInterim !== undefined) problems.push(...checkInterim(number, step.getsInterim, reply));
  const text = step.text ?? step.content ?? (BODILESS.has(reply.status) || step.method === 'HEAD' ? 'any' : opened.key);
  expect(text === 'any' || reply.body.toString('latin1') === text, `body ${JSON.stringify(reply.text.slice(0, 300))}, not ${text}`);
  return problems;
}

function checkInterim(number: number, wanted: NonNullable<Step['getsInterim']>, reply: Reply): readonly string[] {
  const got = reply.interim.map(
    ({ startLine, fields }) => `${startLine.split(' ')[1]} ${fields.map((pair) => pair.join(': ')).join(' | ')}`,
  );
  const expected = wanted.map(({ status, fields = [] }) => `${status} ${fields.join(' | ')}`);
  const isSame = got.length === expected.length && expected.every((line, i) => got[i]?.toLowerCase().startsWith(line.toLowerCase()));
  return isSame ? [] : [`step ${number}: interim ${JSON.stringify(got)}, not ${JSON.stringify(expected)}`];
}

const nameIn = (reply: Reply, wanted: string): string => {
  const name = wanted.split(/[: ]/, 1)[0] ?? '';
  return JSON.stringify(fieldValues(reply.fields, name).join(', '));
};

/** `Name`, `Name > number` or `Name: value`; values of several lines are joined. */
function hasField(message: { readonly fields: Fields }, wanted: string, nowMs: number): boolean {
  const more = /^(\S+) > (\d+)$/.exec(wanted);
  if (more !== null) return Number.parseInt(fieldValues(message.fields, more[1] ?? '').join(), 10) > Number(more[2]);
  if (!wanted.includes(':')) return fieldValues(message.fields, wanted).length > 0;
  const { name, value } = resolveLine(wanted, nowMs, '');
  return fieldValues(message.fields, name).join(', ') === value;
}

/** RFC 9211: the cache's own word must agree with what happened. */
function checkCacheStatus(step: Step, reply: Reply, number: number): readonly string[] {
  const told = reply.fieldAll('Cache-Status').join(', ');
  const own = told.slice(told.lastIndexOf(', ') + 1);
  const isHit = /;\s*hit(?![a-z=-])/.test(own);
  const isForwarded = /;\s*fwd=/.test(own);
  const wrong = (what: string): readonly string[] => [`step ${number}: Cache-Status ${JSON.stringify(told)}: ${what}`];
  if (told === '') return wrong('missing');
  if (isHit === isForwarded && step.gets !== 504) return wrong('either hit or fwd');
  if (step.expect === 'cached' && !step.asks && !isHit) return wrong('expected a hit');
  if (step.expect === 'not_cached' && !isForwarded) return wrong('expected fwd');
  const isValidated = step.expect === 'etag_validated' || step.expect === 'lm_validated';
  if (isValidated && !/;\s*fwd-status=304/.test(told)) return wrong('expected fwd-status=304');
  if (step.tells !== undefined && !step.tells.test(told)) return wrong(`expected ${step.tells}`);
  return [];
}

/** What the origin saw of each step, and whether its answer crossed unharmed. */
function checkOrigin(opened: Case, replies: readonly Reply[]): readonly string[] {
  const problems: string[] = [];
  for (const [index, step] of opened.row.steps.entries()) {
    const number = index + 1;
    const seen = opened.seen.find((one) => one.step === number);
    const reply = replies[index];
    const expect = (isTrue: boolean, what: string): void => {
      if (!isTrue) problems.push(`step ${number}: ${what}`);
    };
    if (step.expect === 'cached') {
      expect(step.asks === true || seen === undefined, 'the origin was asked');
      continue;
    }
    const condition = { etag_validated: 'If-None-Match', lm_validated: 'If-Modified-Since', not_cached: undefined }[
      step.expect ?? 'not_cached'
    ];
    if (step.expect !== undefined) expect(seen !== undefined, 'the origin was not asked');
    if (condition !== undefined) expect(seen?.request.fieldAll(condition).length === 1, `the request had no ${condition}`);
    for (const wanted of step.sees ?? []) {
      expect(seen !== undefined && hasField(seen.request, wanted, 0), `the request had no ${wanted}`);
    }
    for (const unwanted of step.seesNot ?? [])
      expect(seen === undefined || !hasField(seen.request, unwanted, 0), `the request had ${unwanted}`);
    if (step.seesMethod !== undefined) expect(seen?.request.method === step.seesMethod, `the origin saw ${seen?.request.method}`);
    if (seen === undefined || reply === undefined || step.drops) continue;
    for (const { name, value, isChecked } of seen.sent) {
      if (!isChecked || name.toLowerCase() === 'date') continue;
      const sent = seen.sent.filter((line) => line.name === name).map((line) => line.value);
      const got = fieldValues(reply.fields, name).join(', ');
      expect(got === sent.join(', '), `${name} came as ${JSON.stringify(got)}, not ${JSON.stringify(value)}`);
    }
  }
  return problems;
}
