import { becomesStale, fresh, type Kind, type Row, reuse, type Step, stale } from './cache-row.ts';

/** A stored answer, then a request with a directive. */
const asked = (id: string, first: Step, directive: string, then: Step): Row => ({
  id: `ccreq-${id}`,
  kind: 'check',
  steps: [first, { send: [`Cache-Control: ${directive}`], ...then }],
});
const given = (...reply: readonly string[]): Step => ({ reply });

export const CC_REQUEST: readonly Row[] = [
  asked('ma0', fresh(), 'max-age=0', { expect: 'not_cached' }),
  asked('ma1', fresh(), 'max-age=1', { expect: 'not_cached' }),
  asked('magreaterage', fresh({ reply: ['Age: 1800'] }), 'max-age=600', { expect: 'not_cached' }),
  asked('max-stale', becomesStale(), 'max-stale=1000', { expect: 'cached' }),
  asked('max-stale-age', given('Cache-Control: max-age=1500', 'Age: 2000'), 'max-stale=1000', { expect: 'cached' }),
  asked('min-fresh', given('Cache-Control: max-age=1500'), 'min-fresh=2000', { expect: 'not_cached' }),
  asked('min-fresh-age', given('Cache-Control: max-age=1500', 'Age: 1000'), 'min-fresh=1000', { expect: 'not_cached' }),
  asked('no-cache', given('Cache-Control: max-age=3600'), 'no-cache', { expect: 'not_cached' }),
  asked('no-cache-lm', given('Cache-Control: max-age=3600', 'Last-Modified: @-10000', 'Date: @0'), 'no-cache', { expect: 'lm_validated' }),
  asked('no-cache-etag', given('Cache-Control: max-age=3600', 'ETag: "abc"'), 'no-cache', { expect: 'etag_validated' }),
  asked('no-store', fresh(), 'no-store', { expect: 'not_cached' }),
  { id: 'ccreq-oic', kind: 'check', steps: [{ send: ['Cache-Control: only-if-cached'], gets: 504, text: 'any' }] },
];

const OLD = ['Cache-Control: max-age=10000', 'Expires: @10000', 'Date: @0', 'A: 1'];
/** An answer that may be used is followed by one that must not be stored; the older one stays in use. */
const older = (id: string, directives: string): Row => ({
  id,
  kind: 'required',
  steps: [
    { reply: OLD, waits: true },
    { reply: [`Cache-Control: ${directives}`, 'Date: @0', 'A: 2'], waits: true },
    { expect: 'cached', has: ['A: 1'] },
  ],
});
const BOTH_FRESH = ['Expires: @10000', 'Date: @0'];

export const CC_RESPONSE: readonly Row[] = [
  reuse('cc-resp-private-shared', 'required', ['Cache-Control: private, max-age=3600'], 'not_cached', 'now'),
  reuse('cc-resp-no-store', 'required', ['Cache-Control: no-store'], 'not_cached', 'now'),
  reuse('cc-resp-no-store-case-insensitive', 'required', ['Cache-Control: No-StOrE'], 'not_cached', 'now'),
  reuse('cc-resp-no-store-fresh', 'required', ['Cache-Control: max-age=10000, no-store', ...BOTH_FRESH], 'not_cached', 'now'),
  older('cc-resp-no-store-old-new', 'no-store'),
  older('cc-resp-no-store-old-max-age', 'no-store, max-age=0'),
  reuse('cc-resp-no-cache', 'required', ['Cache-Control: max-age=10000, no-cache', ...BOTH_FRESH], 'not_cached', 'now'),
  reuse('cc-resp-no-cache-case-insensitive', 'required', ['Cache-Control: max-age=10000, No-CaChE', ...BOTH_FRESH], 'not_cached', 'now'),
  reuse('cc-resp-no-cache-revalidate', 'optimal', ['Cache-Control: no-cache', 'ETag: "abcd"'], 'etag_validated', 'now'),
  reuse(
    'cc-resp-no-cache-revalidate-fresh',
    'optimal',
    ['Cache-Control: max-age=10000, no-cache', ...BOTH_FRESH, 'ETag: "abcd"'],
    'etag_validated',
    'now',
  ),
  {
    id: 'headers-omit-headers-listed-in-Cache-Control-no-cache-single',
    kind: 'check',
    steps: [
      { reply: ['Cache-Control: no-cache="a"', 'a: 1', 'b: 2', 'Cache-Control: max-age=3600', 'Date: @0'], waits: true },
      { expect: 'cached', has: ['b: 2'], lacks: ['a'] },
    ],
  },
  {
    id: 'headers-omit-headers-listed-in-Cache-Control-no-cache',
    kind: 'check',
    steps: [
      { reply: ['Cache-Control: no-cache="a, b"', 'a: 1', 'b: 2', 'c: 3', 'Cache-Control: max-age=3600', 'Date: @0'], waits: true },
      { expect: 'cached', has: ['c: 3'], lacks: ['a', 'b'] },
    ],
  },
  reuse('cc-resp-must-revalidate-fresh', 'optimal', ['Cache-Control: max-age=10000, must-revalidate', 'ETag: "abcd"'], 'cached', 'now'),
  {
    id: 'cc-resp-must-revalidate-stale',
    kind: 'required',
    steps: [
      { reply: ['Cache-Control: max-age=2, must-revalidate', 'ETag: "abcd"'] },
      { reply: ['Cache-Control: max-age=2, must-revalidate', 'ETag: "abcd"'], expect: 'cached', waits: true },
      { expect: 'etag_validated' },
    ],
  },
];

const pragma = (id: string, first: Step, then: Step = {}): Row => ({
  id: `pragma-${id}`,
  kind: 'check',
  steps: [first, { expect: 'cached', ...then }],
});

export const PRAGMA: readonly Row[] = [
  pragma('request-no-cache', fresh(), { send: ['Pragma: no-cache'] }),
  pragma('request-extension', fresh(), { send: ['Pragma: unrecognised-extension'] }),
  pragma('response-no-cache', given('Cache-Control: max-age=3600', 'Pragma: no-cache')),
  pragma('response-no-cache-heuristic', given('Date: @0', 'Last-Modified: @-10000', 'Pragma: no-cache')),
  pragma('response-extension', given('Cache-Control: max-age=3600', 'Pragma: unrecognised-extension')),
];

/** With this directive a stale answer must not stand in for an origin that is gone. */
function forbidden(directive: string, value = ''): Row {
  const first = { reply: [`Cache-Control: max-age=2, ${directive}${value}`], waits: true } as const;
  const then: Step = { drops: true, gets: 'any', text: 'any', lacks: ['Server-Request-Count'] };
  return { id: `stale-close-${directive}${value}`, kind: 'required', steps: [first, then] };
}
const DOWN = [503, 'Service Unavailable'] as const;
const ON_ERROR = ['Cache-Control: max-age=2, stale-if-error=60'];

export const STALE: readonly Row[] = [
  { id: 'stale-close', kind: 'check', steps: [becomesStale(), { drops: true, expect: 'cached', asks: true }] },
  { id: 'stale-503', kind: 'check', steps: [becomesStale(), { status: DOWN, gets: 200, expect: 'cached', asks: true }] },
  {
    id: 'stale-while-revalidate',
    kind: 'optimal',
    steps: [
      { reply: ['Cache-Control: max-age=1, stale-while-revalidate=3600', 'ETag: "abc"'], waits: true },
      { expect: 'cached', asks: true },
    ],
  },
  {
    id: 'stale-while-revalidate-window',
    kind: 'required',
    steps: [
      { reply: ['Cache-Control: max-age=1, stale-while-revalidate=4', 'ETag: "abc"'], waits: true },
      { reply: ['~Cache-Control: no-cache', '~ETag: "def"'], expect: 'cached', asks: true, waits: true },
      { has: ['Client-Request-Count: 3'] },
    ],
  },
  {
    id: 'stale-sie-close',
    kind: 'check',
    steps: [
      { reply: ON_ERROR, waits: true },
      { drops: true, expect: 'cached', asks: true },
    ],
  },
  {
    id: 'stale-sie-503',
    kind: 'check',
    steps: [
      { reply: ON_ERROR, waits: true },
      { status: DOWN, gets: 200, expect: 'cached', asks: true },
    ],
  },
  forbidden('must-revalidate'),
  forbidden('proxy-revalidate'),
  forbidden('no-cache'),
  forbidden('s-maxage', '=2'),
  {
    id: 'stale-warning-stored',
    kind: 'check',
    steps: [stale(), { drops: true, expect: 'cached', asks: true, has: ['Warning'] }],
    ours: 'no',
  },
  {
    id: 'stale-warning-become',
    kind: 'check',
    steps: [becomesStale(), { drops: true, expect: 'cached', asks: true, has: ['Warning'] }],
    ours: 'no',
  },
];

const AUTHORIZED: Step = { send: ['Authorization: FOO'], sees: ['Authorization: FOO'] };
const authorized = (id: string, kind: Kind, first: Step, then: Step): Row => ({ id, kind, steps: [{ ...AUTHORIZED, ...first }, then] });

export const AUTHORIZATION: readonly Row[] = [
  authorized('other-authorization', 'required', fresh(), { expect: 'not_cached' }),
  authorized(
    'other-authorization-public',
    'optimal',
    { reply: ['Cache-Control: max-age=3600, public', 'Date: @0'], waits: true },
    { expect: 'cached' },
  ),
  authorized(
    'other-authorization-must-revalidate',
    'optimal',
    { reply: ['Cache-Control: max-age=3600, must-revalidate', 'Date: @0'], waits: true },
    { expect: 'cached' },
  ),
  authorized(
    'other-authorization-smaxage',
    'optimal',
    { reply: ['Cache-Control: s-maxage=3600', 'Date: @0'], waits: true },
    { expect: 'cached' },
  ),
];

const STATUSES: readonly (readonly [number, string])[] = [
  [200, 'OK'],
  [203, 'Non-Authoritative Information'],
  [204, 'No Content'],
  [299, 'Whatever'],
  [301, 'Moved Permanently'],
  [302, 'Found'],
  [303, 'See Other'],
  [307, 'Temporary Redirect'],
  [308, 'Permanent Redirect'],
  [400, 'Bad Request'],
  [404, 'Not Found'],
  [410, 'Gone'],
  [499, 'Whatever'],
  [500, 'Internal Server Error'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
  [504, 'Gateway Timeout'],
  [599, 'Whatever'],
];

function statusRows(status: readonly [number, string]): readonly Row[] {
  const body: Step = status[0] === 204 ? {} : { content: `the answer ${status[0]}` };
  return [
    {
      id: `status-${status[0]}-fresh`,
      kind: 'optimal',
      steps: [fresh({ status, ...body }), { status, ...body, expect: 'cached' }],
    },
    { id: `status-${status[0]}-stale`, kind: 'required', steps: [stale({ status, ...body }), { ...body, expect: 'not_cached' }] },
  ];
}
const UNDERSTOOD = ['Cache-Control: max-age=3600, no-store, must-understand'];

export const STATUS: readonly Row[] = [
  ...STATUSES.flatMap(statusRows),
  {
    id: 'status-599-must-understand',
    kind: 'required',
    steps: [{ status: [599, 'Whatever'], reply: UNDERSTOOD }, { expect: 'not_cached' }],
  },
  { id: 'status-200-must-understand', kind: 'optimal', steps: [{ reply: UNDERSTOOD }, { expect: 'cached' }] },
];
