import { becomesStale, fresh, type Kind, type Row, type Step } from './cache-row.ts';

const ETAG = 'ETag: "abcdef"';
const respond = (id: string, kind: Kind, tag: string, condition: string, more: Step = {}): Row => ({
  id: `conditional-etag-${id}`,
  kind,
  steps: [fresh({ reply: [`ETag: ${tag}`] }), { send: [`If-None-Match: ${condition}`], expect: 'cached', gets: 304, ...more }],
});
const generate = (id: string, kind: Kind, tag: string, condition: string): Row => ({
  id: `conditional-etag-${id}`,
  kind,
  steps: [becomesStale({ reply: [`ETag: ${tag}`] }), { expect: 'etag_validated', sees: [`If-None-Match: ${condition}`] }],
});
const VARYING = [ETAG, 'Date: @0', 'Vary: Abc'];

export const CONDITIONAL_ETAG: readonly Row[] = [
  respond('strong-respond', 'optimal', '"abcdef"', '"abcdef"'),
  { ...respond('', 'required', '"abcdef"', '"abcdef"', { has: [ETAG] }), id: 'conditional-304-etag' },
  {
    id: 'conditional-etag-precedence',
    kind: 'required',
    steps: [
      fresh({ reply: ['Last-Modified: @-5000', ETAG] }),
      { send: ['If-None-Match: "abcdef"', 'If-Modified-Since: @-1'], expect: 'cached', gets: 304 },
    ],
  },
  respond('strong-respond-obs-text', 'check', '"abcdef\xfc"', '"abcdef\xfc"', { has: ['ETag: "abcdef\xfc"'] }),
  respond('quoted-respond-unquoted', 'check', '"abcdef"', 'abcdef'),
  respond('unquoted-respond-unquoted', 'check', 'abcdef', 'abcdef'),
  respond('unquoted-respond-quoted', 'check', 'abcdef', '"abcdef"'),
  respond('weak-respond', 'optimal', 'W/"abcdef"', 'W/"abcdef"'),
  respond('weak-respond-lowercase', 'check', 'w/"abcdef"', 'w/"abcdef"'),
  respond('weak-respond-backslash', 'check', 'W\\"abcdef"', 'W\\"abcdef"'),
  respond('weak-respond-omit-slash', 'check', 'W"abcdef"', 'W"abcdef"'),
  respond('strong-respond-multiple-first', 'optimal', '"abcdef"', '"abcdef", "1234", "5678"'),
  respond('strong-respond-multiple-second', 'optimal', '"abcdef"', '"1234", "abcdef", "5678"'),
  respond('strong-respond-multiple-last', 'optimal', '"abcdef"', '"1234", "5678", "abcdef"'),
  {
    id: 'conditional-etag-vary-headers',
    kind: 'required',
    steps: [
      { send: ['Abc: 123'], reply: ['Expires: @1', ...VARYING], waits: true },
      { send: ['Abc: 123'], expect: 'etag_validated', sees: ['Abc: 123'] },
    ],
  },
  {
    id: 'conditional-etag-vary-headers-mismatch',
    kind: 'check',
    steps: [
      { send: ['Abc: 123'], reply: ['Expires: @10000', ...VARYING], waits: true },
      { send: ['Abc: 456'], sees: ['If-None-Match: "abcdef"'] },
    ],
  },
  generate('strong-generate', 'optimal', '"abcdef"', '"abcdef"'),
  generate('weak-generate-weak', 'optimal', 'W/"abcdef"', 'W/"abcdef"'),
  generate('strong-generate-unquoted', 'check', 'abcdef', '"abcdef"'),
  {
    id: 'conditional-etag-forward',
    kind: 'check',
    steps: [{ send: ['If-None-Match: "abcdef"'], sees: ['If-None-Match: "abcdef"'] }],
  },
  {
    id: 'conditional-etag-forward-unquoted',
    kind: 'check',
    steps: [{ send: ['If-None-Match: abcdef'], sees: ['If-None-Match: "abcdef"'] }],
  },
];

const MODIFIED = 'Last-Modified: @-3000';
const modified = (id: string, first: Step, since: string, expect: 'cached' | 'lm_validated'): Row => ({
  id: `conditional-lm-${id}`,
  kind: 'optimal',
  steps: [first, { send: [`If-Modified-Since: ${since}`], expect, gets: 304 }],
});

export const CONDITIONAL_LM: readonly Row[] = [
  modified('fresh', fresh({ reply: [MODIFIED] }), '@-3000', 'cached'),
  modified('fresh-earlier', fresh({ reply: [MODIFIED] }), '@-2000', 'cached'),
  modified('stale', becomesStale({ reply: [MODIFIED] }), '@-3000', 'lm_validated'),
  modified('fresh-no-lm', fresh(), '@-3000', 'cached'),
  modified('fresh-rfc850', fresh({ reply: [MODIFIED] }), '@@-3000', 'cached'),
];
