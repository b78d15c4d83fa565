import { becomesStale, fresh, type Kind, type Row, type Step } from './cache-row.ts';

/** A field of an answer: whether it is stored, and whether a 304 must, may or must not change it. */
type Field = {
  readonly name: string;
  readonly a?: string;
  readonly b?: string;
  readonly kept?: false;
  readonly updated?: 'must' | 'must not';
};

const FIELDS: readonly Field[] = [
  { name: 'Test-Header', updated: 'must' },
  { name: 'X-Test-Header', updated: 'must' },
  { name: 'Content-Foo', updated: 'must' },
  { name: 'X-Content-Foo', updated: 'must' },
  { name: 'Cache-Control', a: 'max-age=1', b: 'max-age=3600', updated: 'must' },
  { name: 'Connection', kept: false },
  { name: 'Content-Encoding' },
  { name: 'Content-Length', a: '36', b: '10', updated: 'must not' },
  { name: 'Content-Location', a: '/foo', b: '/bar' },
  { name: 'Content-MD5', a: 'rL0Y20zC+Fzt72VPzMSk2A==', b: 'N7UdGUp1E+RbVvZSTy1R8g==' },
  { name: 'Content-Range' },
  { name: 'Content-Security-Policy', a: "default-src 'self'", b: "default-src 'self' cdn.example.com" },
  { name: 'Content-Type', a: 'text/plain', b: 'text/plain;charset=utf-8' },
  { name: 'Clear-Site-Data', a: 'cache', b: 'cookies' },
  { name: 'ETag', a: '"abcdef"', b: '"ghijkl"' },
  { name: 'Expires', a: 'Fri, 01 Jan 2038 01:01:01 GMT', b: 'Mon, 11 Jan 2038 11:11:11 GMT' },
  { name: 'Keep-Alive', kept: false },
  { name: 'Proxy-Authenticate', kept: false },
  { name: 'Proxy-Authentication-Info', kept: false },
  { name: 'Proxy-Authorization', kept: false },
  { name: 'Proxy-Connection', kept: false },
  { name: 'Public-Key-Pins' },
  { name: 'Set-Cookie', a: 'a=b', b: 'a=c' },
  { name: 'Set-Cookie2', a: 'a=b', b: 'a=c' },
  { name: 'TE', kept: false },
  { name: 'Transfer-Encoding', kept: false },
  { name: 'Upgrade', kept: false },
  { name: 'X-Frame-Options', a: 'deny', b: 'sameorigin' },
  { name: 'X-XSS-Protection', a: '1', b: '1; mode=block' },
];

const CODED = 'Transfer-Encoding';

function storeRow({ name, b = `B-of-${name}`, kept }: Field): Row {
  const text: Step = name === 'Content-Length' ? { text: 'any' } : {};
  // A coding that nobody knows leaves only the end of the connection to tell where the body ends (RFC 9112 6.3).
  const end: Step = name === CODED ? { closes: true } : {};
  const hour = name === 'Cache-Control' ? [] : ['Cache-Control: max-age=3600'];
  const line = `${name}: ${b}`;
  return {
    id: `headers-store-${name}`,
    kind: 'required',
    steps: [
      { reply: ['Date: @0', kept === false ? `~${line}` : line, ...hour], waits: true, ...text, ...end },
      { expect: 'cached', ...(kept === false ? { lacks: [line] } : { has: [line] }), ...text },
    ],
  };
}

export const HEADERS: readonly Row[] = [
  {
    id: 'headers-omit-headers-listed-in-Connection',
    kind: 'required',
    steps: [fresh({ reply: ['~Connection: a, b', '~a: 1', '~b: 2', '~c: 3'] }), { expect: 'cached', has: ['c: 3'], lacks: ['a', 'b'] }],
  },
  ...FIELDS.map(storeRow),
];

function updateRow({ name, a = `A-of-${name}`, b = `B-of-${name}`, updated }: Field): Row {
  const kind: Kind = updated === undefined ? 'check' : 'required';
  const mark = updated === 'must not' ? '~' : '';
  const text: Step = name === 'Content-Length' ? { text: 'any' } : {};
  const line = (value: string): string => `${mark}${name}: ${value}`;
  const short = name === 'Cache-Control' ? [] : ['Cache-Control: max-age=2'];
  const tag = name === 'ETag' ? [] : [`ETag: "tag-of-${name}"`];
  const expected = `${name}: ${updated === 'must not' ? a : b}`;
  return {
    id: `304-etag-update-response-${name}`,
    kind,
    steps: [
      { reply: ['Date: @0', line(a), ...short, ...tag], waits: true, ...text },
      { reply: ['Date: @0', line(b), ...short, ...tag], expect: 'etag_validated', has: [expected], ...text },
      { expect: 'cached', has: [expected], ...text },
    ],
  };
}

const LONG_AGO = 'Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT';

export const UPDATE_304: readonly Row[] = [
  {
    id: '304-lm-use-stored-Test-Header',
    kind: 'required',
    steps: [
      { reply: ['Cache-Control: max-age=2', LONG_AGO, 'Date: @0', 'Test-Header: A'], waits: true },
      { reply: [LONG_AGO, 'Date: @0'], expect: 'lm_validated', has: ['Test-Header: A'] },
    ],
  },
  ...FIELDS.filter(({ kept }) => kept !== false).map(updateRow),
];

const head = (more: Step = {}): Step => ({ method: 'HEAD', seesMethod: 'HEAD', ...more });
const AGAIN = 'Cache-Control: max-age=1000';

export const UPDATE_HEAD: readonly Row[] = [
  { id: 'head-writethrough', kind: 'check', steps: [becomesStale(), head()] },
  { id: 'head-200-retain', kind: 'check', steps: [becomesStale(), head({ has: ['Template-A: 1'] })] },
  { id: 'head-200-freshness-update', kind: 'check', steps: [becomesStale(), head({ reply: [AGAIN] }), { expect: 'cached' }] },
  {
    id: 'head-200-update',
    kind: 'check',
    steps: [becomesStale(), head({ reply: ['Template-A: 2', AGAIN] }), { expect: 'cached', has: ['Template-A: 2'] }],
  },
  {
    id: 'head-410-update',
    kind: 'check',
    steps: [becomesStale(), head({ status: [410, 'Gone'], reply: ['Template-A: 2', AGAIN] }), { expect: 'cached', has: ['Template-A: 2'] }],
  },
];
