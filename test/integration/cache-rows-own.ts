import { becomesStale, type Row, reuse, type Step } from './cache-row.ts';

const HOUR = 'Cache-Control: max-age=3600';
const hour = (more: Step = {}): Step => ({ ...more, reply: [HOUR, ...(more.reply ?? [])] });
const cached: Step = { expect: 'cached' };
const asked: Step = { expect: 'not_cached' };
const must = (id: string, ...steps: readonly Step[]): Row => ({ id, kind: 'required', steps });

/** Rows that hold with `cache: true`. */
const TOLD: readonly Row[] = [
  must('a miss tells uri-miss and stored, a hit its ttl', hour({ tells: /^[^;]+; fwd=uri-miss; (.*; )?stored/ }), {
    expect: 'cached',
    tells: /^[^;]+; hit; (.*; )?ttl=3[56]\d\d$/,
  }),
  must('what may not be stored is not told as stored', { reply: ['Cache-Control: no-store'], tells: /; fwd=uri-miss(?!.*; stored)/ }),
  must('another variant tells vary-miss', hour({ send: ['Foo: 1'], reply: ['Vary: Foo'] }), {
    ...asked,
    send: ['Foo: 2'],
    tells: /; fwd=vary-miss/,
  }),
  must('an unsafe method tells method', { method: 'POST', body: 'a', tells: /; fwd=method/ }),
  must('a stale answer tells stale', becomesStale(), { ...asked, tells: /; fwd=stale/ }),
  must('a request directive tells request', hour(), { send: ['Cache-Control: no-cache'], ...asked, tells: /; fwd=request/ }),
  must('the key is not told', hour({ tells: /^(?!.*key=)/ })),
  must(
    'what the origin itself tells comes first',
    hour({ reply: ['~Cache-Status: origin; hit'], tells: /^origin; hit, [^,]+; fwd=uri-miss/ }),
  ),
];

const PASSED_ON: readonly Row[] = [
  must('a hit has Age and Via, and Date as it was', hour({ reply: ['Date: @0'] }), { ...cached, has: ['Age', 'Via', 'Date: @0'] }),
  must('a stored answer is given with status and reason of its own', hour({ status: [404, 'No Such Thing'] }), {
    ...cached,
    status: [404, 'No Such Thing'],
  }),
  must('repeated fields stay repeated and in order', hour({ reply: ['Link: </a>', 'Link: </b>'] }), {
    ...cached,
    has: ['Link: </a>, </b>'],
  }),
  must('a 204 is stored', hour({ status: [204, 'No Content'] }), { ...cached, gets: 204, lacks: ['Content-Length'] }),
  must('an empty body is stored', hour({ content: '' }), { ...cached, text: '', has: ['Content-Length: 0'] }),
];

const SET_COOKIE: readonly Row[] = [
  must('an answer with Set-Cookie is not stored', hour({ reply: ['Set-Cookie: a=b'], tells: /^(?!.*; stored)/ }), asked),
  must('not even if it is public', { reply: ['Cache-Control: public, max-age=3600', 'Set-Cookie: a=b'] }, asked),
];

const HEAD_FROM_GET: readonly Row[] = [
  must('HEAD is answered from a stored GET', hour({ reply: ['ETag: "a"'] }), {
    ...cached,
    method: 'HEAD',
    has: ['Content-Length: 36', 'ETag: "a"'],
  }),
  must('GET is not answered from a stored HEAD', hour({ method: 'HEAD' }), asked),
  must(
    'a HEAD with another length makes the stored GET stale',
    hour(),
    {
      method: 'HEAD',
      send: ['Cache-Control: no-cache'],
      reply: ['~Content-Length: 99', HOUR],
    },
    asked,
  ),
  must('HEAD of what is not stored reaches the origin as HEAD', hour({ method: 'HEAD', seesMethod: 'HEAD', tells: /; fwd=uri-miss/ })),
  must('HEAD with Range is answered whole', hour(), { ...cached, method: 'HEAD', send: ['Range: bytes=0-1'], has: ['Content-Length: 36'] }),
];

const ONLY: Step = { send: ['Cache-Control: only-if-cached'] };
const REFUSED: Step = { ...ONLY, gets: 504, text: 'any' };
const ONLY_IF_CACHED: readonly Row[] = [
  must('only-if-cached: a fresh answer is given', hour(), { ...ONLY, ...cached }),
  must('only-if-cached: what is not stored is 504 and the origin is not asked', REFUSED, asked),
  must('only-if-cached: a stale answer is 504', becomesStale(), REFUSED),
  must('only-if-cached: a stale answer is given if max-stale allows it', becomesStale(), {
    ...cached,
    send: ['Cache-Control: only-if-cached, max-stale'],
  }),
  must('only-if-cached: another variant is 504', hour({ send: ['Foo: 1'], reply: ['Vary: Foo'] }), {
    ...REFUSED,
    send: ['Cache-Control: only-if-cached', 'Foo: 2'],
  }),
  must('a request with no-store is not stored', hour({ send: ['Cache-Control: no-store'] }), asked),
  must(
    'max-stale does not go before must-revalidate',
    { reply: ['Cache-Control: max-age=1, must-revalidate'], waits: true },
    {
      ...asked,
      send: ['Cache-Control: max-stale=1000'],
    },
  ),
];

const SMALL: Step = { content: '0123456789A', reply: [HOUR, 'ETag: "a"', 'Last-Modified: @-3000', 'Date: @0'] };
const ranged = (range: string, more: Step): Step => ({ ...cached, ...more, send: [`Range: ${range}`, ...(more.send ?? [])] });
const RANGES: readonly Row[] = [
  must('a range has Content-Range, Content-Length and the validator', SMALL, {
    ...ranged('bytes=2-4', { gets: 206, text: '234' }),
    has: ['Content-Range: bytes 2-4/11', 'Content-Length: 3', 'ETag: "a"'],
  }),
  must(
    'a range that goes over the end ends there',
    SMALL,
    ranged('bytes=9-99', { gets: 206, text: '9A', has: ['Content-Range: bytes 9-10/11'] }),
  ),
  must('a suffix longer than all is all', SMALL, ranged('bytes=-99', { gets: 206, text: '0123456789A' })),
  must('a range behind the end is 416', SMALL, ranged('bytes=11-', { gets: 416, text: 'any', has: ['Content-Range: bytes */11'] })),
  must('an empty suffix is 416', SMALL, ranged('bytes=-0', { gets: 416, text: 'any', has: ['Content-Range: bytes */11'] })),
  must('an unknown unit is answered whole', SMALL, ranged('lines=0-1', { text: '0123456789A' })),
  must('a malformed range is answered whole', SMALL, ranged('bytes=4-2', { text: '0123456789A' })),
  must('If-Range with the same tag gives the range', SMALL, ranged('bytes=0-1', { send: ['If-Range: "a"'], gets: 206, text: '01' })),
  must('If-Range with another tag gives all', SMALL, ranged('bytes=0-1', { send: ['If-Range: "b"'], text: '0123456789A' })),
  must(
    'If-Range with a weak tag gives all',
    { ...SMALL, reply: [HOUR, 'ETag: W/"a"'] },
    {
      ...ranged('bytes=0-1', { send: ['If-Range: W/"a"'], text: '0123456789A' }),
    },
  ),
  must('If-Range with the same date gives the range', SMALL, ranged('bytes=0-1', { send: ['If-Range: @-3000'], gets: 206, text: '01' })),
  must('If-Range with a later date gives all', SMALL, ranged('bytes=0-1', { send: ['If-Range: @-10'], text: '0123456789A' })),
  must('If-None-Match goes before Range', SMALL, ranged('bytes=0-1', { send: ['If-None-Match: "a"'], gets: 304 })),
  must(
    'If-None-Match that does not match leaves the range',
    SMALL,
    ranged('bytes=0-1', { send: ['If-None-Match: "b"'], gets: 206, text: '01' }),
  ),
  must(
    'a stored error is not cut into ranges',
    { status: [404, 'Not Found'], content: '0123456789A', reply: [HOUR] },
    {
      ...ranged('bytes=0-1', { gets: 404, text: '0123456789A' }),
    },
  ),
];

const FIRST_HALF: Step = {
  send: ['Range: bytes=0-4'],
  status: [206, 'Partial Content'],
  reply: [HOUR, 'ETag: "a"', 'Content-Range: bytes 0-4/10'],
  content: '01234',
};
const secondHalf = (tag: string): Step => ({
  send: ['Range: bytes=5-9'],
  status: [206, 'Partial Content'],
  reply: [HOUR, `ETag: ${tag}`, 'Content-Range: bytes 5-9/10'],
  content: '56789',
});
const PARTS: readonly Row[] = [
  must('two parts with one strong tag make the whole', FIRST_HALF, secondHalf('"a"'), { ...cached, text: '0123456789' }),
  must('two parts with different tags do not', FIRST_HALF, secondHalf('"b"'), { expect: 'not_cached' }),
  must(
    'two parts with one weak tag do not',
    { ...FIRST_HALF, reply: [HOUR, 'ETag: W/"a"', 'Content-Range: bytes 0-4/10'] },
    secondHalf('W/"a"'),
    {
      expect: 'not_cached',
    },
  ),
  must('a part does not answer a plain request', FIRST_HALF, { expect: 'not_cached' }),
  must('a part does not answer HEAD', FIRST_HALF, { method: 'HEAD', expect: 'not_cached' }),
  must('a part answers the same range', FIRST_HALF, { ...cached, send: ['Range: bytes=0-4'], gets: 206, text: '01234' }),
  must('a part answers a range within it', FIRST_HALF, {
    ...cached,
    send: ['Range: bytes=1-2'],
    gets: 206,
    text: '12',
    has: ['Content-Range: bytes 1-2/10'],
  }),
  must('a part at the end answers a suffix', secondHalf('"a"'), { ...cached, send: ['Range: bytes=-2'], gets: 206, text: '89' }),
  must('a part answers a range to the end', secondHalf('"a"'), { ...cached, send: ['Range: bytes=7-'], gets: 206, text: '789' }),
  must('a part that is not stored whole is not served', FIRST_HALF, { ...secondHalf('"a"'), expect: 'not_cached' }),
];

const TAGGED = hour({ reply: ['ETag: "a"', 'Last-Modified: @-3000', 'Date: @0', 'Content-Location: /c', 'Vary: Foo', 'Expires: @3600'] });
const STALE_TAGGED = becomesStale({ reply: ['ETag: "a"'] });
const CONDITIONS: readonly Row[] = [
  must('a 304 has what section 15.4.5 lists', TAGGED, {
    ...cached,
    send: ['If-None-Match: "a"'],
    gets: 304,
    has: [HOUR, 'Content-Location: /c', 'Date', 'ETag: "a"', 'Expires', 'Vary: Foo'],
    lacks: ['Content-Length: 0'],
  }),
  must('If-None-Match: * is 304', TAGGED, { ...cached, send: ['If-None-Match: *'], gets: 304 }),
  must('the comparison is weak', TAGGED, { ...cached, send: ['If-None-Match: W/"a"'], gets: 304 }),
  must('a tag that does not match goes before a date that does', TAGGED, {
    ...cached,
    send: ['If-None-Match: "b"', 'If-Modified-Since: @-3000'],
  }),
  must('several lines of If-None-Match are one list', TAGGED, { ...cached, send: ['If-None-Match: "b"', 'If-None-Match: "a"'], gets: 304 }),
  must('an earlier If-Modified-Since is answered whole', TAGGED, { ...cached, send: ['If-Modified-Since: @-4000'] }),
  must('an invalid If-Modified-Since is answered whole', TAGGED, { ...cached, send: ['If-Modified-Since: yesterday'] }),
  must(
    'a stored 404 is not turned into a 304',
    { status: [404, 'Not Found'], reply: [HOUR, 'ETag: "a"'] },
    {
      ...cached,
      send: ['If-None-Match: "a"'],
      gets: 404,
    },
  ),
  must('a stale answer is validated with its own tag, and the client gets its own 304', STALE_TAGGED, {
    send: ['If-None-Match: "a"'],
    expect: 'etag_validated',
    gets: 304,
    sees: ['If-None-Match'],
  }),
  must('a client with nothing gets the whole after a validation', STALE_TAGGED, { expect: 'etag_validated', sees: ['If-None-Match: "a"'] }),
  must(
    'a new answer instead of a 304 replaces the stored one',
    STALE_TAGGED,
    { reply: [HOUR, 'ETag: "b"'], content: 'new', expect: 'not_cached' },
    {
      ...cached,
      text: 'new',
      has: ['ETag: "b"'],
    },
  ),
  must(
    'a condition on a miss: the whole is fetched and stored, and the condition answered here',
    { send: ['If-None-Match: "a"'], seesNot: ['If-None-Match'], reply: ['ETag: "a"', HOUR], gets: 304 },
    cached,
  ),
  must(
    'a condition on a miss that does not hold: the whole',
    { send: ['If-None-Match: "b"'], seesNot: ['If-None-Match'], reply: ['ETag: "a"', HOUR] },
    cached,
  ),
  must(
    'a server error in a validation is passed on where nothing stale may be served, and spoils nothing',
    { reply: ['Cache-Control: max-age=1, must-revalidate', 'ETag: "a"'], waits: true },
    { status: [500, 'Error'], content: 'broken' },
    {
      expect: 'etag_validated',
    },
  ),
  must('both validators are sent', becomesStale({ reply: ['ETag: "a"', 'Last-Modified: @-3000'] }), {
    expect: 'etag_validated',
    sees: ['If-None-Match: "a"', 'If-Modified-Since'],
  }),
];

const variant = (send: readonly string[], on: string, content: string): Step => hour({ send, reply: [`Vary: ${on}`], content });
const encoding = (value: string): readonly string[] => [`Accept-Encoding: ${value}`];
const VARIANTS: readonly Row[] = [
  must('Accept-Encoding in another order is the same', variant(encoding('gzip, deflate, br'), 'Accept-Encoding', 'x'), {
    ...cached,
    send: encoding('br,gzip , deflate'),
    text: 'x',
  }),
  must('Accept-Encoding in other case is the same', variant(encoding('gzip'), 'accept-encoding', 'x'), {
    ...cached,
    send: encoding('GZIP'),
    text: 'x',
  }),
  must('a coding that is forbidden is another variant', variant(encoding('gzip'), 'Accept-Encoding', 'x'), {
    ...asked,
    send: encoding('gzip;q=0'),
  }),
  must(
    'answers that vary on different fields live side by side',
    variant(['Foo: 1', 'Bar: 1'], 'Foo', 'by foo'),
    {
      ...variant(['Foo: 2', 'Bar: 2'], 'Bar', 'by bar'),
      expect: 'not_cached',
    },
    { ...cached, send: ['Foo: 1', 'Bar: 3'], text: 'by foo' },
    { ...cached, send: ['Foo: 3', 'Bar: 2'], text: 'by bar' },
  ),
  must(
    'three variants are held',
    variant(['Foo: 1'], 'Foo', 'one'),
    variant(['Foo: 2'], 'Foo', 'two'),
    variant(['Foo: 3'], 'Foo', 'three'),
    {
      ...cached,
      send: ['Foo: 1'],
      text: 'one',
    },
    { ...cached, send: ['Foo: 2'], text: 'two' },
    { ...cached, send: ['Foo: 3'], text: 'three' },
  ),
  must(
    'a validation chooses the variant',
    becomesStale({ send: ['Foo: 1'], reply: ['Vary: Foo', 'ETag: "1"'], content: 'one' }),
    {
      ...variant(['Foo: 2'], 'Foo', 'two'),
    },
    { send: ['Foo: 1'], reply: ['ETag: "1"'], expect: 'not_cached', content: 'new one', sees: ['If-None-Match'] },
  ),
];

export const DEFAULT_ROWS: readonly Row[] = [
  ...TOLD,
  ...PASSED_ON,
  ...SET_COOKIE,
  ...HEAD_FROM_GET,
  ...ONLY_IF_CACHED,
  ...RANGES,
  ...PARTS,
  ...CONDITIONS,
  ...VARIANTS,
  must('a chunked answer is stored whole', hour({ isChunked: true }), { ...cached, has: ['Content-Length: 36'] }),
  must('QUERY is not cached unless told', hour({ method: 'QUERY', body: 'a' }), { ...asked, method: 'QUERY', body: 'a' }),
  reuse('an empty targeted field is as if absent', 'required', ['~CDN-Cache-Control: ', HOUR], 'cached', 'now'),
  must(
    'private with field names: the others are stored, those are not',
    { reply: ['~Cache-Control: private="a", max-age=3600', '~A: 1', '~B: 2'] },
    {
      ...cached,
      has: ['B: 2'],
      lacks: ['A'],
    },
  ),
  must('another host is another resource', hour(), { ...asked, host: 'other.example' }),
  must('the host in other case is the same resource', hour({ host: 'a.example' }), { ...cached, host: 'A.Example' }),
  must('parameters in another order are the same', hour({ query: 'a=1&b=2' }), { ...cached, query: 'b=2&a=1' }),
  must('values of one parameter in another order are not', hour({ query: 'a=1&a=2' }), { ...asked, query: 'a=2&a=1' }),
];
