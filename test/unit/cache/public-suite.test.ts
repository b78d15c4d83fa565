/**
 * The rows of the public cache suite, held against the rules alone: no socket, and a clock that is moved. What needs a wire
 * (interim answers, delays) is left to `test/integration`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldValue } from '../../../src/http/fields.ts';
import type { RequestHead } from '../../../src/http/request-head.ts';
import { Case, type Line, resolveLine } from '../../integration/cache-origin.ts';
import type { Row, Step } from '../../integration/cache-row.ts';
import { GAPS, PUBLIC_ROWS } from '../../integration/cache-rows.ts';
import { ModelCache, type ModelReply, type OriginReply, policy, requestHead, responseHead } from './model-cache.ts';

/** Not of the rules but of the wire: interim answers and framing. */
const SKIPPED = /^interim-|-Content-Length$|^other-age-delay$/;
type Seen = { readonly step: number; readonly request: RequestHead; readonly sent: readonly Line[] };

/** Runs one row; what was not as it should be. */
function problemsOf(row: Row): readonly string[] {
  const cache = new ModelCache(policy({ storeSetCookie: true, staleIfErrorMs: 60_000 }));
  const opened = new Case(row);
  const seen: Seen[] = [];
  const replies: ModelReply[] = [];
  const problems: string[] = [];
  const ask = (request: RequestHead): OriginReply | undefined => answer(opened, seen, cache.epochMs, request);
  for (const [index, step] of row.steps.entries()) {
    const nowMs = Number(fieldOf(replies.at(-1), 'server-now') ?? cache.epochMs);
    const lines = (step.send ?? []).map((line) => resolveLine(line, nowMs, opened.base)).map(({ name, value }) => `${name}: ${value}`);
    const query = step.query === undefined ? '' : `?${step.query}`;
    const file = step.file === undefined ? '' : `/${step.file}`;
    const start = `${step.method ?? 'GET'} ${opened.base}${file}${query} HTTP/1.1`;
    const defaults = ['Pragma', 'Cache-Control'].filter((name) => !lines.some((line) => line.startsWith(`${name}:`)));
    const reply = cache.handle(
      requestHead(start, ...lines, ...defaults.map((name) => `${name}: foo`), 'Accept-Encoding: gzip, deflate', `Req-Num: ${index + 1}`),
      ask,
    );
    replies.push(reply);
    problems.push(...checkStep(opened, index + 1, reply, seen).map((problem) => `step ${index + 1}: ${problem}`));
    if (step.waits) cache.wait(3000);
  }
  return problems;
}

function answer(opened: Case, seen: Seen[], nowMs: number, request: RequestHead): OriginReply | undefined {
  const number = Number(fieldValue(request, 'req-num'));
  const step = opened.row.steps[number - 1] as Step;
  const sent = (step.reply ?? []).map((line) => resolveLine(line, nowMs, opened.base));
  seen.push({ step: number, request, sent });
  if (step.drops) return undefined;
  const [code, reason] = statusFor(opened, seen, number, request);
  const body = code === 204 || code === 304 ? '' : (step.content ?? opened.key);
  const has = (name: string): boolean => sent.some((line) => line.name.toLowerCase() === name);
  const own = [
    `Client-Request-Count: ${number}`,
    `Server-Now: ${nowMs}`,
    ...sent
      .filter(({ name }) => !['transfer-encoding', 'content-length'].includes(name.toLowerCase()))
      .map(({ name, value }) => `${name}: ${value}`),
    ...(has('date') ? [] : [`Date: ${new Date(nowMs).toUTCString()}`]),
    ...(code === 204 || code === 304 ? [] : [`Content-Length: ${body.length}`]),
  ];
  return { head: responseHead(`${code} ${reason}`, ...own), body: request.method === 'HEAD' ? '' : body };
}

function statusFor(opened: Case, seen: readonly Seen[], number: number, request: RequestHead): readonly [number, string] {
  const step = opened.row.steps[number - 1] as Step;
  if (step.expect !== 'etag_validated' && step.expect !== 'lm_validated') return step.status ?? [200, 'OK'];
  const latest = (name: string): string | undefined =>
    seen.flatMap((one) => (one.step < number ? one.sent : [])).findLast((line) => line.name.toLowerCase() === name)?.value;
  const isMet =
    (latest('etag') !== undefined && fieldValue(request, 'if-none-match') === latest('etag')) ||
    (latest('last-modified') !== undefined && fieldValue(request, 'if-modified-since') === latest('last-modified'));
  return isMet ? [304, 'Not Modified'] : [599, 'Not conditional'];
}

function checkStep(opened: Case, number: number, reply: ModelReply, seen: readonly Seen[]): readonly string[] {
  const step = opened.row.steps[number - 1] as Step;
  const problems: string[] = [];
  const expect = (isTrue: boolean, what: string): void => {
    if (!isTrue) problems.push(what);
  };
  const madeFor = Number.parseInt(fieldOf(reply, 'client-request-count') ?? '', 10);
  const asked = seen.find((one) => one.step === number);
  if (step.expect === 'cached')
    expect((reply.status === 304 && Number.isNaN(madeFor)) || madeFor < number, `not from the cache (${reply.status})`);
  if (step.expect === 'cached' && !step.asks) expect(asked === undefined, 'the origin was asked');
  if (step.expect === 'not_cached') expect(madeFor === number, `from the cache (${reply.status})`);
  const condition = { etag_validated: 'if-none-match', lm_validated: 'if-modified-since', cached: '', not_cached: '' }[
    step.expect ?? 'cached'
  ];
  if (condition !== '') expect(asked !== undefined && fieldValue(asked.request, condition) !== undefined, `not asked with ${condition}`);
  const status = step.gets ?? step.status?.[0] ?? 200;
  expect(status === 'any' || reply.status === status, `status ${reply.status}, not ${status}`);
  const nowMs = Number(fieldOf(reply, 'server-now') ?? 0);
  for (const wanted of step.has ?? []) expect(hasField(reply, wanted, nowMs), `no ${wanted}`);
  for (const unwanted of step.lacks ?? []) expect(!hasField(reply, unwanted, nowMs), `has ${unwanted}`);
  for (const wanted of step.sees ?? []) {
    const { name, value } = resolveLine(wanted.includes(':') ? wanted : `${wanted}: `, nowMs, opened.base);
    const got = asked === undefined ? undefined : fieldValue(asked.request, name.toLowerCase());
    expect(wanted.includes(':') ? got === value : got !== undefined, `the origin saw ${name} ${got}`);
  }
  for (const unwanted of step.seesNot ?? []) {
    const { name, value } = resolveLine(unwanted.includes(':') ? unwanted : `${unwanted}: `, nowMs, opened.base);
    const got = asked === undefined ? undefined : fieldValue(asked.request, name.toLowerCase());
    expect(unwanted.includes(':') ? got !== value : got === undefined, `the origin saw ${name} ${got}`);
  }
  if (step.seesMethod !== undefined) expect(asked?.request.method === step.seesMethod, 'the origin did not see it');
  const text = step.text ?? step.content ?? ([204, 304].includes(reply.status) || step.method === 'HEAD' ? 'any' : opened.key);
  expect(text === 'any' || reply.body === text, `body ${reply.body}, not ${text}`);
  return problems;
}

function fieldOf(reply: ModelReply | undefined, lowerName: string): string | undefined {
  const values = (reply?.head ?? '')
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${lowerName}:`))
    .map((line) => line.slice(lowerName.length + 1).trim());
  return values.length === 0 ? undefined : values.join(', ');
}

function hasField(reply: ModelReply, wanted: string, nowMs: number): boolean {
  const more = /^(\S+) > (\d+)$/.exec(wanted);
  if (more !== null) return Number(fieldOf(reply, (more[1] ?? '').toLowerCase())) > Number(more[2]);
  if (!wanted.includes(':')) return fieldOf(reply, wanted.toLowerCase()) !== undefined;
  const { name, value } = resolveLine(wanted, nowMs, '');
  return fieldOf(reply, name.toLowerCase()) === value;
}

for (const [group, rows] of PUBLIC_ROWS) {
  for (const row of rows.filter(({ id }) => !SKIPPED.test(id))) {
    const gap = GAPS.get(row.id);
    test(`${group}: ${row.id} (${row.kind})`, () => {
      const problems = problemsOf(row);
      if (gap === undefined && row.ours !== 'no') assert.deepEqual(problems, []);
      else assert.notDeepEqual(problems, [], gap ?? 'it holds, although the row says that it does not');
    });
  }
}
