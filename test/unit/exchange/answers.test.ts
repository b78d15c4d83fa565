import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type OwnAnswer, renderAnswer } from '../../../src/exchange/answers.ts';
import { FAILURE_RULES } from '../../../src/exchange/failures.ts';
import {
  answerForMethod,
  answerForRule,
  FILTER_FAILED,
  INTERNAL_ERROR,
  LOOP_DETECTED,
  NO_ROUTE,
  refusalAnswer,
  TOTAL_TIMEOUT,
} from '../../../src/exchange/own-answers.ts';
import { REFUSALS, type RequestRefusal } from '../../../src/http/refusal.ts';

const ASKED = { accept: undefined, requestId: 'id-1', serverName: 'gate' };
const ODD: OwnAnswer = { ...NO_ROUTE, title: '<b>&"', detail: '<script>alert(1)</script> & more' };

const REFUSED = (Object.keys(REFUSALS) as RequestRefusal[]).map((refusal) => refusalAnswer(REFUSALS[refusal], refusal));
const FAILED = FAILURE_RULES.map(([kind, rule]) => answerForRule(kind, rule));
const ALL: readonly OwnAnswer[] = [
  NO_ROUTE,
  LOOP_DETECTED,
  TOTAL_TIMEOUT,
  INTERNAL_ERROR,
  FILTER_FAILED,
  answerForMethod('GET, HEAD'),
  ...REFUSED,
  ...FAILED,
];

function typeFor(accept: string | undefined): string | undefined {
  return /Content-Type: (\S+?);?[ \r]/.exec(renderAnswer(NO_ROUTE, { ...ASKED, accept }).block)?.[1];
}

for (const [accept, type] of [
  [undefined, 'application/problem+json'],
  ['', 'application/problem+json'],
  ['*/*', 'application/problem+json'],
  ['image/png', 'application/problem+json'],
  ['application/json', 'application/problem+json'],
  ['application/problem+json', 'application/problem+json'],
  ['text/html', 'text/html'],
  ['TEXT/HTML', 'text/html'],
  ['text/plain', 'text/plain'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html'],
  ['application/json, text/plain, */*', 'application/problem+json'],
  ['text/plain, text/html', 'text/plain'],
] as const) {
  test(`Accept ${JSON.stringify(accept)} is answered as ${type}`, () => {
    assert.equal(typeFor(accept), type);
  });
}

test('problem details have a stable type, title, status, detail and the request id, and nothing else (RFC 9457)', () => {
  for (const answer of ALL) {
    const { body, block, status } = renderAnswer(answer, ASKED);
    const details = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    assert.deepEqual(Object.keys(details), ['type', 'title', 'status', 'detail', 'requestId']);
    assert.match(String(details['type']), /^urn:sluice:problem:[a-z0-9.-]+$/);
    assert.equal(details['status'], answer.status);
    assert.ok(status.startsWith(`${answer.status} `));
    assert.equal(details['requestId'], 'id-1');
    assert.ok(block.includes('X-Request-Id: id-1\r\n') && block.includes('Cache-Control: no-store\r\n'));
    assert.match(block, /^(?:[!-9;-~]+: [^\r\n]+\r\n)+$/);
  }
});

test('each type names one kind of problem, and no two kinds of failure share one', () => {
  const names = [...FAILED, ...REFUSED].map(({ problem }) => problem);
  assert.equal(new Set(names).size, names.length);
});

test('an answer made because of the upstream says so in Proxy-Status, another does not (RFC 9209)', () => {
  for (const answer of ALL) {
    const { block } = renderAnswer(answer, ASKED);
    const told = /^Proxy-Status: (.*)$/m.exec(block)?.[1];
    assert.equal(told, answer.proxyError === '' ? undefined : `gate; error=${answer.proxyError}`);
  }
  for (const answer of REFUSED) assert.equal(answer.proxyError, '');
});

test('503 tells when to come again, 405 what is allowed', () => {
  for (const answer of FAILED) assert.equal(/^Retry-After: \d+\r\n$/.test(answer.extra), answer.status === 503, answer.problem);
  assert.ok(renderAnswer(answerForMethod('GET, HEAD'), ASKED).block.endsWith('Allow: GET, HEAD\r\n'));
});

test('in HTML everything that is not ours is escaped', () => {
  const html = renderAnswer(ODD, { ...ASKED, accept: 'text/html', requestId: '<i>"' }).body.toString('utf8');
  assert.doesNotMatch(html, /<script|<b>|<i>/);
  assert.ok(html.includes('&lt;script&gt;alert(1)&lt;/script&gt; &amp; more'));
  assert.ok(html.includes('request &lt;i&gt;'));
});

test('whatever Accept says, the answer has one of three forms', () => {
  fc.assert(
    fc.property(fc.string(), (accept) => ['application/problem+json', 'text/html', 'text/plain'].includes(typeFor(accept) ?? '')),
    { numRuns: 300 },
  );
});

test('no text of an own answer names a file, an address or a line of code', () => {
  for (const { title, detail } of ALL)
    assert.doesNotMatch(`${title} ${detail}`, /(?<!HTTP)\/|\.ts|:\d|\d+\.\d+\.\d+|\w+Error\b|undefined/, detail);
});
