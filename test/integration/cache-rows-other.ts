import { fresh, type Kind, type Row, reuse, type Step } from './cache-row.ts';

const HOUR = 'Cache-Control: max-age=3600';
const MONTH = `@${30 * 24 * 60 * 60}`;
const WHOLE: Step = { reply: [HOUR], content: '01234567890' };
/** As the public suite has it: five bytes at a place that does not add up with what was asked. */
const LAST_FIVE: Step = {
  send: ['Range: bytes=-5'],
  status: [206, 'Partial Content'],
  reply: [HOUR, 'Content-Range: bytes 4-9/10'],
  content: '01234',
};
const part = (id: string, first: Step, range: string, text: string): Row => ({
  id: `partial-store-${id}`,
  kind: 'optimal',
  steps: [first, { send: [`Range: bytes=${range}`], expect: 'cached', gets: 206, text }],
});
const fromWhole = (id: string, reply: Step, then: Step): Row => ({
  id,
  kind: 'required',
  steps: [
    { ...WHOLE, reply: [HOUR, 'A: 1'] },
    { send: ['Range: bytes=0-1'], expect: 'cached', gets: 206, text: '01', ...reply, ...then },
  ],
});

export const PARTIAL: readonly Row[] = [
  part('partial-reuse-partial', { ...LAST_FIVE, sees: ['Range: bytes=-5'] }, '-5', '01234'),
  part('complete-reuse-partial', WHOLE, '0-1', '01'),
  part('complete-reuse-partial-no-last', WHOLE, '1-', '1234567890'),
  part('complete-reuse-partial-suffix', { ...WHOLE, content: '0123456789A' }, '-1', 'A'),
  part('partial-reuse-partial-byterange', LAST_FIVE, '6-8', '234'),
  part('partial-reuse-partial-absent', LAST_FIVE, '6-', '234'),
  part('partial-reuse-partial-suffix', LAST_FIVE, '-1', '4'),
  {
    id: 'partial-store-partial-complete',
    kind: 'optimal',
    steps: [{ ...LAST_FIVE, reply: [HOUR, 'Content-Range: bytes 0-4/10'] }, { sees: ['Range: bytes=5-'] }],
  },
  fromWhole('partial-use-headers', { reply: ['A: 2'] }, {}),
  fromWhole('partial-use-stored-headers', {}, { has: ['A: 1'] }),
];

const METHODS = ['POST', 'PUT', 'DELETE', 'M-SEARCH'];
const LASTING = ['Cache-Control: max-age=100000', 'Last-Modified: @0', 'Date: @0'];
const LOCATIONS = ['Location: {base}/location_target', 'Content-Location: {base}/content_location_target'];
const unsafe = (method: string, more: Step = {}): Step => ({ method, body: 'abc', ...more });

function invalidates(method: string): readonly Row[] {
  const failed = unsafe(method, { status: [500, 'Internal Server Error'] });
  return [
    { id: `invalidate-${method}`, kind: 'required', steps: [fresh(), unsafe(method), { expect: 'not_cached' }] },
    { id: `invalidate-${method}-failed`, kind: 'optimal', steps: [fresh(), failed, { expect: 'cached' }] },
  ];
}

function invalidatesNamed(method: string, id: string, file: string): Row {
  const target: Step = { file, reply: LASTING };
  return {
    id: `invalidate-${method}-${id}`,
    kind: 'check',
    steps: [target, unsafe(method, { reply: LOCATIONS }), { ...target, expect: 'not_cached' }],
  };
}

export const INVALIDATION: readonly Row[] = [
  ...METHODS.flatMap(invalidates),
  ...METHODS.map((method) => invalidatesNamed(method, 'location', 'location_target')),
  ...METHODS.map((method) => invalidatesNamed(method, 'cl', 'content_location_target')),
];

export const METHOD: readonly Row[] = [
  {
    id: 'method-POST',
    kind: 'optimal',
    steps: [
      {
        method: 'POST',
        body: '12345',
        send: ['Content-Type: text/plain'],
        reply: [HOUR, 'Content-Location: {base}', 'Date: @0'],
        waits: true,
      },
      { expect: 'cached' },
    ],
  },
];

const LINK = 'Link: </styles.css>; rel=preload; as=style';
const HINTS = [{ status: 103, fields: [LINK, 'X-My-Header: test'] }];
const interim = (id: string, kind: Kind, sent: NonNullable<Step['interim']>, first: Step, then: Step): Row => ({
  id: `interim-${id}`,
  kind,
  steps: [
    { interim: sent, getsInterim: sent, reply: ['Cache-Control: max-age=100000', 'Date: @0'], waits: true, ...first },
    { expect: 'cached', ...then },
  ],
});

export const INTERIM: readonly Row[] = [
  interim('102', 'optimal', [{ status: 102 }], {}, {}),
  interim('103', 'optimal', HINTS, {}, {}),
  interim('not-cached', 'required', [{ status: 103, fields: [LINK] }], {}, { getsInterim: [] }),
  interim('no-header-reuse', 'optimal', HINTS, { lacks: ['X-My-Header'] }, { lacks: ['X-My-Header'] }),
];

const IN_A_MONTH = [`Expires: ${MONTH}`, 'Date: @0'];
const attached = 'Content-Disposition: attachment; filename=example.txt';
const used = (id: string, kind: Kind, first: Step, then: Step = {}): Row => ({ id, kind, steps: [first, { expect: 'cached', ...then }] });

export const OTHER: readonly Row[] = [
  used('other-age-gen', 'required', fresh(), { has: ['Age > 2'] }),
  { id: 'other-age-delay', kind: 'check', steps: [{ reply: [HOUR, 'Date: @0'], thinksSec: 5, has: ['Age > 0'] }] },
  used('other-age-update-expires', 'required', { reply: [...IN_A_MONTH, 'Age: 30'], waits: true }, { has: ['Age > 32'] }),
  used('other-age-update-max-age', 'required', fresh({ reply: ['Age: 30'] }), { has: ['Age > 32'] }),
  used('other-date-update', 'required', fresh(), { has: ['Date: @0'] }),
  used('other-date-update-expires', 'required', { reply: IN_A_MONTH, waits: true }, { has: ['Date: @0'] }),
  used('other-date-update-expires-update', 'check', { reply: IN_A_MONTH, waits: true }, { has: [`Expires: ${MONTH}`] }),
  {
    id: 'query-args-different',
    kind: 'required',
    steps: [fresh({ query: 'test=one' }), { query: 'test=two', expect: 'not_cached' }],
  },
  used('query-args-same', 'optimal', fresh({ query: 'test=same' }), { query: 'test=same' }),
  reuse('other-heuristic-content-disposition-attachment', 'check', ['Last-Modified: @-100000', 'Date: @0', attached], 'cached', 'now'),
  used('other-fresh-content-disposition-attachment', 'check', fresh({ reply: [attached] })),
  used('other-set-cookie', 'optimal', fresh({ reply: ['Set-Cookie: a=b'] })),
  used('other-cookie', 'optimal', fresh(), { send: ['Cookie: a=b'] }),
];
