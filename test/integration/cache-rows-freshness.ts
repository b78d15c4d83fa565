import { type Row, reuse } from './cache-row.ts';

const DAY = 24 * 60 * 60;
const FAR = `@${30 * DAY}`;

export const CC_FRESHNESS: readonly Row[] = [
  reuse('freshness-none', 'check', [], 'not_cached'),
  reuse('freshness-max-age', 'optimal', ['Cache-Control: max-age=3600'], 'cached'),
  reuse('freshness-max-age-stale', 'required', ['Cache-Control: max-age=2', 'Date: @0', 'Template-A: 1'], 'not_cached'),
  reuse('freshness-max-age-0', 'required', ['Cache-Control: max-age=0'], 'not_cached'),
  reuse('freshness-max-age-max-minus-1', 'optimal', ['Cache-Control: max-age=2147483647'], 'cached'),
  reuse('freshness-max-age-max', 'optimal', ['Cache-Control: max-age=2147483648'], 'cached'),
  reuse('freshness-max-age-max-plus-1', 'optimal', ['Cache-Control: max-age=2147483649'], 'cached'),
  reuse('freshness-max-age-max-plus', 'optimal', ['Cache-Control: max-age=99999999999'], 'cached'),
  reuse('freshness-max-age-age', 'required', ['Date: @0', 'Cache-Control: max-age=3600', 'Age: 7200'], 'not_cached'),
  reuse('freshness-max-age-date', 'check', ['Date: @-7200', 'Cache-Control: max-age=3600'], 'not_cached'),
  reuse('freshness-max-age-expires', 'optimal', ['Cache-Control: max-age=3600', 'Expires: @-7200', 'Date: @0'], 'cached'),
  reuse('freshness-max-age-expires-invalid', 'optimal', ['Cache-Control: max-age=3600', '~Expires: 0', 'Date: @0'], 'cached'),
  reuse('freshness-max-age-0-expires', 'required', ['Expires: @3600', 'Cache-Control: max-age=0', 'Date: @0'], 'not_cached'),
  reuse('freshness-max-age-extension', 'optimal', ['Cache-Control: foobar, max-age=3600'], 'cached'),
  reuse('freshness-max-age-case-insenstive', 'optimal', ['Cache-Control: MaX-aGe=3600'], 'cached'),
  reuse('freshness-max-age-negative', 'required', ['Cache-Control: max-age=-3600'], 'not_cached'),
  reuse('freshness-s-maxage-shared', 'required', ['Cache-Control: s-maxage=3600'], 'cached'),
  reuse('freshness-max-age-s-maxage-shared-longer', 'required', ['Cache-Control: max-age=3600, s-maxage=1'], 'not_cached'),
  reuse('freshness-max-age-s-maxage-shared-longer-reversed', 'required', ['Cache-Control: s-maxage=1, max-age=3600'], 'not_cached'),
  reuse(
    'freshness-max-age-s-maxage-shared-longer-multiple',
    'required',
    ['Cache-Control: max-age=3600', 'Cache-Control: s-maxage=1'],
    'not_cached',
  ),
  reuse('freshness-max-age-s-maxage-shared-shorter', 'optimal', ['Cache-Control: max-age=1, s-maxage=3600'], 'cached'),
  reuse(
    'freshness-max-age-s-maxage-shared-shorter-expires',
    'optimal',
    ['Expires: @-10', 'Cache-Control: max-age=0, s-maxage=3600'],
    'cached',
  ),
];

export const CC_PARSE: readonly Row[] = [
  reuse('freshness-max-age-two-fresh-stale-sameline', 'check', ['~Cache-Control: max-age=1800, max-age=1'], 'cached'),
  reuse('freshness-max-age-two-fresh-stale-sepline', 'check', ['~Cache-Control: max-age=1800', '~Cache-Control: max-age=1'], 'cached'),
  reuse('freshness-max-age-two-stale-fresh-sameline', 'check', ['~Cache-Control: max-age=1, max-age=1800'], 'cached'),
  reuse('freshness-max-age-two-stale-fresh-sepline', 'check', ['~Cache-Control: max-age=1', '~Cache-Control: max-age=1800'], 'cached'),
  reuse('freshness-max-age-quoted', 'check', ['~Cache-Control: max-age="3600"'], 'cached'),
  reuse('freshness-max-age-ignore-quoted', 'required', ['~Cache-Control: extension="max-age=3600", max-age=1'], 'not_cached'),
  reuse('freshness-max-age-ignore-quoted-rev', 'required', ['~Cache-Control: max-age=1, extension="max-age=3600"'], 'not_cached'),
  reuse('freshness-max-age-space-before-equals', 'check', ['~Cache-Control: max-age =3600'], 'not_cached'),
  reuse('freshness-max-age-space-after-equals', 'check', ['~Cache-Control: max-age= 3600'], 'not_cached'),
  reuse('freshness-max-age-leading-zero', 'required', ['~Cache-Control: max-age=003600'], 'cached'),
  reuse('freshness-max-age-single-quoted', 'required', ["~Cache-Control: max-age='3600'"], 'not_cached'),
  reuse('freshness-max-age-decimal-zero', 'check', ['~Cache-Control: max-age=3600.0'], 'cached'),
  reuse('freshness-max-age-decimal-five', 'check', ['~Cache-Control: max-age=3600.5'], 'cached'),
  reuse('freshness-max-age-a100', 'check', ['~Cache-Control: max-age=a3600'], 'cached'),
  reuse('freshness-max-age-100a', 'check', ['~Cache-Control: max-age=3600a'], 'cached'),
];

/** A row whose answer has one hour of freshness and these lines of Age. */
function aged(id: string, ages: readonly string[], expect: 'cached' | 'not_cached', maxAge = 3600): Row {
  return reuse(id, 'required', ['Date: @0', `Cache-Control: max-age=${maxAge}`, ...ages.map((age) => `~Age: ${age}`)], expect);
}

export const AGE_PARSE: readonly Row[] = [
  aged('age-parse-nonnumeric', ['abc'], 'cached'),
  aged('age-parse-negative', ['-7200'], 'cached'),
  aged('age-parse-float', ['7200.0'], 'cached'),
  aged('age-parse-large-minus-one', ['2147483647'], 'not_cached'),
  aged('age-parse-large', ['2147483648'], 'not_cached'),
  aged('age-parse-larger', ['2147483649'], 'not_cached'),
  aged('age-parse-suffix', ['7200, 0'], 'not_cached'),
  aged('age-parse-prefix', ['0, 7200'], 'cached'),
  aged('age-parse-suffix-twoline', ['7200', '0'], 'not_cached'),
  aged('age-parse-prefix-twoline', ['0', '7200'], 'cached'),
  aged('age-parse-dup-0', ['0, 0'], 'cached'),
  aged('age-parse-dup-0-twoline', ['0', '0'], 'cached'),
  aged('age-parse-dup-old', ['3600', '3600'], 'cached', 10_000),
  { ...aged('age-parse-parameter', ['7200;foo=bar'], 'not_cached'), kind: 'check' },
  { ...aged('age-parse-numeric-parameter', ['7200;foo=111'], 'not_cached'), kind: 'check' },
];

export const EXPIRES: readonly Row[] = [
  reuse('freshness-expires-future', 'optimal', [`Expires: ${FAR}`, 'Date: @0'], 'cached'),
  reuse('freshness-expires-past', 'required', [`Expires: @-${30 * DAY}`, 'Date: @0'], 'not_cached'),
  reuse('freshness-expires-present', 'required', ['Expires: @0', 'Date: @0'], 'not_cached', 'now'),
  reuse('freshness-expires-old-date', 'required', ['Expires: @300', 'Date: @400'], 'not_cached'),
  reuse('freshness-expires-invalid', 'required', ['~Expires: 0', 'Date: @0'], 'not_cached'),
  reuse('freshness-expires-invalid-date', 'optimal', ['~Date: foo', 'Expires: @10'], 'cached', 'now'),
  reuse('freshness-expires-age-slow-date', 'required', ['Date: @-10', 'Expires: @10', 'Age: 25'], 'not_cached', 'now'),
  reuse('freshness-expires-age-fast-date', 'required', ['Date: @10', 'Expires: @20', 'Age: 15'], 'not_cached', 'now'),
];

const future = (id: string, date: string): Row => reuse(`freshness-expires-${id}`, 'optimal', [`~Expires: ${date}`, 'Date: @0'], 'cached');
const invalid = (id: string, ...dates: readonly string[]): Row =>
  reuse(`freshness-expires-invalid-${id}`, 'required', [...dates.map((date) => `~Expires: ${date}`), 'Date: @0'], 'not_cached', 'now');

export const EXPIRES_PARSE: readonly Row[] = [
  future('32bit', 'Tue, 19 Jan 2038 14:14:08 GMT'),
  future('far-future', 'Sun, 21 Nov 2286 04:46:39 GMT'),
  future('rfc850', 'Thursday, 18-Aug-50 02:01:18 GMT'),
  future('ansi-c', 'Thu Aug  8 02:01:18 2050'),
  future('wrong-case-weekday', 'THU, 18 Aug 2050 02:01:18 GMT'),
  future('wrong-case-month', 'Thu, 18 AUG 2050 02:01:18 GMT'),
  future('wrong-case-tz', 'Thu, 18 Aug 2050 02:01:18 gMT'),
  invalid('utc', 'Thu, 18 Aug 2050 02:01:18 UTC'),
  invalid('aest', 'Thu, 18 Aug 2050 02:01:18 AEST'),
  invalid('2-digit-year', 'Thu, 18 Aug 50 02:01:18 GMT'),
  invalid('no-comma', 'Thu 18 Aug 2050 02:01:18 GMT'),
  invalid('multiple-spaces', 'Thu, 18  Aug  2050 02:01:18 GMT'),
  invalid('date-dashes', 'Thu, 18-Aug-2050 02:01:18 GMT'),
  invalid('time-periods', 'Thu, 18 Aug 2050 02.01.18 GMT'),
  invalid('1-digit-hour', 'Thu, 18 Aug 2050 2:01:18 GMT'),
  invalid('multiple-lines', 'Thu, 18 Aug 2050 2:01:18 GMT', 'Thu, 18 Aug 2050 2:01:19 GMT'),
];

/** A day after its last change, and nothing else that tells of freshness. */
function guessed(code: number, reason: string, expect: 'cached' | 'not_cached', more: readonly string[] = []): Row {
  const status = [code, reason] as const;
  const content = code === 204 ? {} : { content: `the answer ${code}` };
  const first = { status, ...content, reply: [`Last-Modified: @-${DAY}`, 'Date: @0', ...more] };
  const kind = expect === 'cached' ? 'optimal' : 'required';
  return { id: `heuristic-${code}-${expect}`, kind, steps: [first, { status, ...content, expect }] };
}

const DELTAS_SEC = [5, 10, 30, 60, 300, 600, 1200, 1800, 3600, DAY / 2, DAY];
/** A tenth of the time since the last change is what Sluice gives; three seconds pass in the row. */
const deltaRow = (sec: number): Row => ({
  ...reuse(`heuristic-delta-${sec}`, 'check', [`Last-Modified: @-${sec}`, 'Date: @0'], 'cached'),
  ours: sec > 30 ? 'yes' : 'no',
});

export const HEURISTIC: readonly Row[] = [
  guessed(200, 'OK', 'cached'),
  guessed(201, 'Created', 'not_cached'),
  guessed(202, 'Accepted', 'not_cached'),
  guessed(203, 'Non-Authoritative Information', 'cached'),
  guessed(204, 'No Content', 'cached'),
  guessed(403, 'Forbidden', 'not_cached'),
  guessed(404, 'Not Found', 'cached'),
  guessed(405, 'Method Not Allowed', 'cached'),
  guessed(410, 'Gone', 'cached'),
  guessed(414, 'URI Too Long', 'cached'),
  guessed(501, 'Not Implemented', 'cached'),
  guessed(502, 'Bad Gateway', 'not_cached'),
  guessed(503, 'Service Unavailable', 'not_cached'),
  guessed(504, 'Gateway Timeout', 'not_cached'),
  guessed(599, 'Unknown', 'not_cached'),
  guessed(599, 'Unknown', 'cached', ['Cache-Control: public']),
  ...DELTAS_SEC.map(deltaRow),
];

export const CDN_CACHE_CONTROL: readonly Row[] = [
  reuse('cdn-max-age', 'optimal', ['~CDN-Cache-Control: max-age=3600'], 'cached'),
  reuse('cdn-max-age-max', 'optimal', ['~CDN-Cache-Control: max-age=2147483648'], 'cached'),
  reuse('cdn-max-age-max-plus', 'optimal', ['~CDN-Cache-Control: max-age=99999999999'], 'cached'),
  reuse('cdn-max-age-age', 'required', ['Date: @0', '~CDN-Cache-Control: max-age=3600', 'Age: 7200'], 'not_cached'),
  reuse('cdn-max-age-space-before-equals', 'check', ['Cache-Control: max-age=1', '~CDN-Cache-Control: max-age =100'], 'not_cached'),
  reuse('cdn-max-age-space-after-equals', 'check', ['Cache-Control: max-age=1', '~CDN-Cache-Control: max-age= 100'], 'not_cached'),
  reuse('cdn-max-age-0', 'required', ['~CDN-Cache-Control: max-age=0'], 'not_cached'),
  reuse('cdn-max-age-extension', 'optimal', ['~CDN-Cache-Control: foobar, max-age=3600'], 'cached'),
  reuse('cdn-max-age-case-insensitive', 'check', ['~CDN-Cache-Control: MaX-aGe=3600'], 'cached'),
  reuse('cdn-max-age-expires', 'optimal', ['~CDN-Cache-Control: max-age=3600', 'Expires: @-10000', 'Date: @0'], 'cached'),
  reuse('cdn-max-age-cc-max-age-invalid-expires', 'optimal', ['~CDN-Cache-Control: max-age=3600', '~Expires: 0', 'Date: @0'], 'cached'),
  reuse('cdn-max-age-0-expires', 'required', ['~CDN-Cache-Control: max-age=0', 'Expires: @10000', 'Date: @0'], 'not_cached'),
  reuse('cdn-max-age-short-cc-max-age', 'optimal', ['Cache-Control: max-age=1', '~CDN-Cache-Control: max-age=3600'], 'cached'),
  reuse('cdn-max-age-long-cc-max-age', 'required', ['Cache-Control: max-age=3600', '~CDN-Cache-Control: max-age=1'], 'not_cached'),
  reuse(
    'cdn-private',
    'required',
    ['CDN-Cache-Control: private', 'Cache-Control: max-age=10000', 'Expires: @10000', 'Date: @0'],
    'not_cached',
    'now',
  ),
  reuse(
    'cdn-no-cache',
    'required',
    ['CDN-Cache-Control: no-cache', 'Cache-Control: max-age=10000', 'Expires: @10000', 'Date: @0'],
    'not_cached',
    'now',
  ),
  reuse(
    'cdn-no-store-cc-fresh',
    'required',
    ['Cache-Control: max-age=10000', '~CDN-Cache-Control: no-store', 'Expires: @10000', 'Date: @0'],
    'not_cached',
  ),
  reuse('cdn-fresh-cc-nostore', 'required', ['Cache-Control: no-store', '~CDN-Cache-Control: max-age=10000'], 'cached'),
  reuse(
    'cdn-cc-invalid-sh-type-unknown',
    'required',
    ['~CDN-Cache-Control: max-age=10000, &&&&&', 'Cache-Control: no-store'],
    'not_cached',
  ),
  reuse('cdn-cc-invalid-sh-type-wrong', 'required', ['~CDN-Cache-Control: max-age="10000"', 'Cache-Control: no-store'], 'not_cached'),
  {
    id: 'cdn-remove-header',
    kind: 'check',
    steps: [
      {
        reply: ['Cache-Control: max-age=10000', '~CDN-Cache-Control: foo', 'Expires: @10000', 'Date: @0'],
        has: ['CDN-Cache-Control: foo'],
      },
    ],
  },
  {
    id: 'cdn-remove-age-exceed',
    kind: 'check',
    steps: [{ reply: ['Cache-Control: max-age=1', 'CDN-Cache-Control: max-age=10000', 'Date: @0'], waits: true }, { has: ['Age'] }],
  },
  {
    id: 'cdn-date-update-exceed',
    kind: 'check',
    steps: [{ reply: ['Cache-Control: max-age=1', 'CDN-Cache-Control: max-age=10000', 'Date: @0'], waits: true }, { has: ['Date: @0'] }],
  },
  {
    id: 'cdn-expires-update-exceed',
    kind: 'check',
    steps: [
      { reply: ['Cache-Control: max-age=1', 'Expires: @1', 'CDN-Cache-Control: max-age=10000', 'Date: @0'], waits: true },
      { has: ['Expires: @1'] },
    ],
  },
];
