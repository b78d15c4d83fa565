import { becomesStale, type Row, reuse, type Step } from './cache-row.ts';

/** Rows that need a configuration: what stands under `cache:`, and the rows that hold with it. */
export type Told = { readonly name: string; readonly cache: object; readonly rows: readonly Row[] };

const HOUR = 'Cache-Control: max-age=3600';
const hour = (more: Step = {}): Step => ({ ...more, reply: [HOUR, ...(more.reply ?? [])] });
const cached: Step = { expect: 'cached' };
const asked: Step = { expect: 'not_cached' };
const must = (id: string, ...steps: readonly Step[]): Row => ({ id, kind: 'required', steps });
const MISSING: Step = { status: [404, 'Not Found'] };
const BROKEN: Step = { status: [503, 'Unavailable'] };

const KEYS: readonly Told[] = [
  {
    name: 'key.query lists the parameters that count',
    cache: { key: { query: ['q', 'page'] } },
    rows: [
      must('others do not count', hour({ query: 'q=1&utm=2' }), { ...cached, query: 'utm=3&q=1' }),
      must('those count', hour({ query: 'q=1' }), { ...asked, query: 'q=2' }),
      must('one that is missing counts', hour({ query: 'q=1&page=2' }), { ...asked, query: 'q=1' }),
      must('the origin gets the query as it was', hour({ query: 'x=1&q=1', tells: /; stored/ })),
    ],
  },
  {
    name: 'key.query.ignore',
    cache: { key: { query: { ignore: ['utm_source'] } } },
    rows: [
      must('it does not count', hour({ query: 'q=1&utm_source=2' }), { ...cached, query: 'q=1' }),
      must('all others count', hour({ query: 'q=1&utm_medium=1' }), { ...asked, query: 'q=1' }),
    ],
  },
  {
    name: 'key.sortQuery: false',
    cache: { key: { sortQuery: false } },
    rows: [must('the order counts', hour({ query: 'a=1&b=2' }), { ...asked, query: 'b=2&a=1' })],
  },
  {
    name: 'key.headers and key.cookies',
    cache: { key: { headers: ['X-Tenant'], cookies: ['theme'] } },
    rows: [
      must('the same values hit', hour({ send: ['X-Tenant: a', 'Cookie: theme=dark; x=1'] }), {
        ...cached,
        send: ['X-Tenant: a', 'Cookie: x=2; theme=dark'],
      }),
      must('another header value does not', hour({ send: ['X-Tenant: a'] }), { ...asked, send: ['X-Tenant: b'] }),
      must('nor one that is missing', hour({ send: ['X-Tenant: a'] }), asked),
      must('nor another cookie', hour({ send: ['Cookie: theme=dark'] }), { ...asked, send: ['Cookie: theme=light'] }),
      must(
        'an unsafe request invalidates all keys of its URL',
        hour({ send: ['X-Tenant: a'] }),
        hour({ send: ['X-Tenant: b'] }),
        {
          method: 'POST',
          body: 'x',
        },
        { ...asked, send: ['X-Tenant: a'] },
        { ...asked, send: ['X-Tenant: b'] },
      ),
    ],
  },
  { name: 'debug', cache: { debug: true }, rows: [must('the key is told', hour({ tells: /; key="/ }), { ...cached, tells: /; key="/ })] },
];

const TIMES: readonly Told[] = [
  {
    name: 'negativeTtl',
    cache: { negativeTtl: { 404: '2s', '5xx': '1h' } },
    rows: [
      must('a 404 that says nothing is kept', MISSING, { ...MISSING, ...cached }),
      must('and not for longer than that', { ...MISSING, waits: true }, { ...MISSING, ...asked }),
      must(
        'what it says itself goes before',
        { ...MISSING, reply: ['Cache-Control: max-age=3600'], waits: true },
        { ...MISSING, ...cached },
      ),
      must('no-store goes before', { ...MISSING, reply: ['Cache-Control: no-store'] }, { ...MISSING, ...asked }),
      must('a class of statuses', BROKEN, { ...BROKEN, ...cached }),
      must('other statuses are not touched', {}, asked),
    ],
  },
  { name: 'no negativeTtl', cache: {}, rows: [must('a 404 that says nothing is not kept', MISSING, { ...MISSING, ...asked })] },
  {
    name: 'ttl.any.min',
    cache: { ttl: { any: { min: '1h' } } },
    rows: [
      reuse('a short time is made longer', 'required', ['Cache-Control: max-age=1'], 'cached'),
      reuse('no-store stays', 'required', ['Cache-Control: no-store, max-age=1'], 'not_cached', 'now'),
      reuse('private stays', 'required', ['Cache-Control: private, max-age=1'], 'not_cached', 'now'),
    ],
  },
  {
    name: 'ttl.200.max',
    cache: { ttl: { 200: { max: '2s' } } },
    rows: [
      reuse('a long time is made shorter', 'required', [HOUR], 'not_cached'),
      must('other statuses are not touched', { ...MISSING, reply: [HOUR], waits: true }, { ...MISSING, ...cached }),
    ],
  },
  {
    name: 'ttl.200 forced',
    cache: { ttl: { 200: '1h' } },
    rows: [
      reuse('what says nothing is kept', 'required', [], 'cached'),
      reuse('max-age=0 is overruled', 'required', ['Cache-Control: max-age=0'], 'cached', 'now'),
      reuse('no-store is not', 'required', ['Cache-Control: no-store'], 'not_cached', 'now'),
      reuse('private is not', 'required', ['Cache-Control: private'], 'not_cached', 'now'),
    ],
  },
  {
    name: 'defaultTtl',
    cache: { defaultTtl: '2s' },
    rows: [
      reuse('what says nothing is kept', 'required', [], 'cached', 'now'),
      reuse('for no longer than that', 'required', [], 'not_cached'),
      reuse('it goes before the heuristic', 'required', ['Last-Modified: @-1000000'], 'not_cached'),
      reuse('what the answer says goes before', 'required', [HOUR], 'cached'),
      reuse('an invalid max-age is not nothing', 'required', ['~Cache-Control: max-age=x'], 'not_cached', 'now'),
    ],
  },
  {
    name: 'heuristic: false',
    cache: { heuristic: false },
    rows: [reuse('Last-Modified alone is not enough', 'required', ['Last-Modified: @-1000000'], 'not_cached', 'now')],
  },
];

const STALENESS: readonly Told[] = [
  {
    name: 'staleWhileRevalidate',
    cache: { staleWhileRevalidate: '1h' },
    rows: [
      must('a stale answer is served and refreshed', becomesStale(), {
        ...cached,
        asks: true,
        content: 'new',
        text: 'any',
        reply: [HOUR],
        tells: /; hit/,
      }),
      must('not where the answer forbids it', { reply: ['Cache-Control: max-age=1, must-revalidate'], waits: true }, asked),
      must('not longer than the answer says itself', { reply: ['Cache-Control: max-age=1, stale-while-revalidate=0'], waits: true }, asked),
      must('not where the client wants a validation', becomesStale(), { ...asked, send: ['Cache-Control: no-cache'] }),
    ],
  },
  {
    name: 'staleIfError',
    cache: { staleIfError: '1h' },
    rows: [
      must('an origin that is gone', becomesStale(), { ...cached, drops: true, asks: true }),
      must('an origin in trouble', becomesStale(), { ...BROKEN, ...cached, gets: 200, asks: true }),
      must('not for an error of the client', becomesStale(), { ...MISSING, ...asked }),
      must(
        'not where the answer forbids it',
        { reply: ['Cache-Control: max-age=1, must-revalidate'], waits: true },
        {
          drops: true,
          gets: 502,
          text: 'any',
        },
      ),
    ],
  },
];

const search = (body: string, type = 'application/json'): Step => ({ method: 'QUERY', body, send: [`Content-Type: ${type}`] });
const OTHERS: readonly Told[] = [
  {
    name: 'storeSetCookie',
    cache: { storeSetCookie: true },
    rows: [
      must('an answer with Set-Cookie is stored with it', hour({ reply: ['Set-Cookie: a=b'] }), { ...cached, has: ['Set-Cookie: a=b'] }),
    ],
  },
  {
    name: 'maxObject',
    cache: { maxObject: '100B' },
    rows: [
      must('what fits is stored', hour({ content: 'a'.repeat(100) }), { ...cached, content: 'a'.repeat(100) }),
      must('what does not is not', hour({ content: 'a'.repeat(101), tells: /^(?!.*; stored)/ }), asked),
      must('nor where the length comes to light late', hour({ content: 'a'.repeat(101), isChunked: true }), asked),
    ],
  },
  {
    name: 'maxVariants',
    cache: { maxVariants: 2 },
    rows: [
      must(
        'the oldest makes room',
        hour({ send: ['Foo: 1'], reply: ['Vary: Foo'], content: 'one' }),
        hour({ send: ['Foo: 2'], reply: ['Vary: Foo'], content: 'two' }),
        hour({ send: ['Foo: 3'], reply: ['Vary: Foo'], content: 'three' }),
        { ...cached, send: ['Foo: 3'], text: 'three' },
        { ...cached, send: ['Foo: 2'], text: 'two' },
        { ...asked, send: ['Foo: 1'] },
      ),
    ],
  },
  {
    name: 'ignoreClientCacheControl',
    cache: { ignoreClientCacheControl: true },
    rows: [
      must('no-cache is ignored', hour(), { ...cached, send: ['Cache-Control: no-cache'] }),
      must('Pragma is ignored', hour(), { ...cached, send: ['Pragma: no-cache'] }),
      must('no-store is ignored', hour({ send: ['Cache-Control: no-store'] }), cached),
      must('only-if-cached is not', { send: ['Cache-Control: only-if-cached'], gets: 504, text: 'any' }),
    ],
  },
  {
    name: 'No-Vary-Search',
    cache: {},
    rows: [
      must('params that do not matter', hour({ query: 'q=1&utm=1', reply: ['No-Vary-Search: params=("utm")'] }), {
        ...cached,
        query: 'q=1&utm=2',
      }),
      must('params that do', hour({ query: 'q=1', reply: ['No-Vary-Search: params=("utm")'] }), { ...asked, query: 'q=2' }),
      must('all but some', hour({ query: 'q=1&x=1', reply: ['No-Vary-Search: params, except=("q")'] }), { ...cached, query: 'y=2&q=1' }),
      must('invalid is as if absent', hour({ query: 'utm=1', reply: ['~No-Vary-Search: params=utm'] }), { ...asked, query: 'utm=2' }),
    ],
  },
  {
    name: 'noVarySearch: false',
    cache: { noVarySearch: false },
    rows: [must('it is ignored', hour({ query: 'utm=1', reply: ['No-Vary-Search: params=("utm")'] }), { ...asked, query: 'utm=2' })],
  },
  {
    name: 'targeted',
    cache: { targeted: ['Sluice-Cache-Control', 'CDN-Cache-Control'] },
    rows: [
      reuse(
        'the most specific goes first',
        'required',
        ['~Sluice-Cache-Control: max-age=3600', '~CDN-Cache-Control: no-store', 'Cache-Control: no-store'],
        'cached',
        'now',
      ),
      reuse('then the next', 'required', ['~CDN-Cache-Control: max-age=3600', 'Cache-Control: no-store'], 'cached', 'now'),
      reuse(
        'one that is invalid is skipped',
        'required',
        ['~Sluice-Cache-Control: &&', '~CDN-Cache-Control: no-store', HOUR],
        'not_cached',
        'now',
      ),
    ],
  },
  {
    name: 'methods with QUERY',
    cache: { methods: ['GET', 'HEAD', 'QUERY'] },
    rows: [
      must('the same content hits', hour(search('{"a":1}')), { ...cached, ...search('{"a":1}') }),
      must('other content does not', hour(search('{"a":1}')), { ...asked, ...search('{"a":2}') }),
      must('nor another type of content', hour(search('{"a":1}')), { ...asked, ...search('{"a":1}', 'text/plain') }),
      must('the origin gets the content', { ...hour(search('{"a":1}')), seesMethod: 'QUERY', sees: ['Content-Length: 7'] }),
      must('GET is not answered from a QUERY', hour(search('{"a":1}')), asked),
      must('QUERY is not answered from a GET', hour(), { ...asked, ...search('{"a":1}') }),
      must('QUERY is safe: it invalidates nothing', hour(), { ...search('x') }, cached),
      must(
        'an unsafe request to the URL invalidates it',
        hour(search('{"a":1}')),
        { method: 'POST', body: 'x' },
        { ...asked, ...search('{"a":1}') },
      ),
    ],
  },
  {
    name: 'methods without HEAD',
    cache: { methods: ['GET'] },
    rows: [must('HEAD is asked of the origin', hour(), { method: 'HEAD', expect: 'not_cached', seesMethod: 'HEAD' })],
  },
];

export const TOLD_ROWS: readonly Told[] = [...KEYS, ...TIMES, ...STALENESS, ...OTHERS];

const grouped = (file: string, groups: string): Step => hour({ file, reply: [`Cache-Groups: ${groups}`] });
const INVALIDATE: Step = { method: 'POST', body: 'x', reply: ['Cache-Group-Invalidation: "{key}"'] };
/** Rows of invalidation that the public suite lacks: RFC 9111 4.4 and RFC 9875. */
export const INVALIDATION_ROWS: readonly Row[] = [
  must(
    'a group is invalidated as a whole, and no other',
    grouped('a', '"{key}"'),
    grouped('b', '"other", "{key}"'),
    grouped('c', '"x{key}"'),
    INVALIDATE,
    {
      file: 'a',
      ...asked,
    },
    { file: 'b', ...asked },
    { file: 'c', ...cached },
  ),
  must(
    'an answer to a safe request invalidates no group',
    grouped('a', '"{key}"'),
    { file: 'b', reply: ['Cache-Group-Invalidation: "{key}"'] },
    {
      file: 'a',
      ...cached,
    },
  ),
  must(
    'case of a group counts',
    grouped('a', '"X{key}"'),
    { ...INVALIDATE, reply: ['Cache-Group-Invalidation: "x{key}"'] },
    { file: 'a', ...cached },
  ),
  must('a group of another origin is another group', { ...grouped('a', '"{key}"'), host: 'other.example' }, INVALIDATE, {
    file: 'a',
    host: 'other.example',
    ...cached,
  }),
  must(
    'a group that is not a string is no group',
    hour({ file: 'a', reply: ['~Cache-Groups: x{key}'] }),
    { ...INVALIDATE, reply: ['Cache-Group-Invalidation: "x{key}"'] },
    { file: 'a', ...cached },
  ),
  must(
    'what is fetched after is valid',
    grouped('a', '"{key}"'),
    INVALIDATE,
    { ...grouped('a', '"{key}"'), ...asked },
    { file: 'a', ...cached },
  ),
  must(
    'all variants are invalidated',
    hour({ send: ['Foo: 1'], reply: ['Vary: Foo'] }),
    hour({ send: ['Foo: 2'], reply: ['Vary: Foo'] }),
    { method: 'PUT', body: 'x' },
    { send: ['Foo: 1'], ...asked },
    { send: ['Foo: 2'], ...asked },
  ),
  must('another query is another resource', hour({ query: 'a=1' }), { method: 'POST', body: 'x' }, { query: 'a=1', ...cached }),
  must('an unknown method invalidates', hour(), { method: 'FROB' }, asked),
  must('OPTIONS does not', hour(), { method: 'OPTIONS' }, cached),
  must('a client error does not', hour(), { method: 'POST', body: 'x', status: [400, 'Bad Request'] }, cached),
  must('a redirect does', hour(), { method: 'POST', body: 'x', status: [303, 'See Other'], reply: ['Location: /elsewhere'] }, asked),
  must(
    'Location of another origin is left alone',
    hour({ host: 'other.example' }),
    {
      method: 'POST',
      body: 'x',
      reply: ['Location: http://other.example{base}'],
    },
    { host: 'other.example', ...cached },
  ),
  must(
    'Content-Location with a full URL of the same origin',
    hour({ file: 'a' }),
    {
      method: 'POST',
      body: 'x',
      host: 'a.example',
      reply: ['Content-Location: http://a.example{base}/a'],
    },
    { file: 'a', ...cached },
    hour({ file: 'a', host: 'a.example' }),
    {
      method: 'POST',
      body: 'x',
      host: 'a.example',
      reply: ['Content-Location: http://a.example{base}/a'],
    },
    { file: 'a', host: 'a.example', ...asked },
  ),
];
