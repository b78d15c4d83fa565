import { z } from 'zod';
import { cookieName } from './balance-schema.ts';
import type { SplitMatch, SplitPart } from './balance-types.ts';
import { parseFieldName } from './fields.ts';
import { checkedText, wholeNumber, word } from './scalars.ts';
import { valueMatch } from './value-match-schema.ts';

/** Several upstreams of one route: `upstream` as a list. */

const MAX_PARTS = 16;

const upstreamName = z.string({ error: 'must be the name of an upstream' });

const when = z
  .strictObject({
    header: z.record(checkedText(parseFieldName), valueMatch).prefault({}).describe('Header fields, by name; default none.'),
    cookie: z.record(cookieName, valueMatch).prefault({}).describe('Cookies, by name; default none.'),
  })
  .transform(({ header, cookie }): SplitMatch[] => [
    ...Object.entries(header).map(([name, match]): SplitMatch => ({ on: 'header', name: name.toLowerCase(), match })),
    ...Object.entries(cookie).map(([name, match]): SplitMatch => ({ on: 'cookie', name, match })),
  ])
  .prefault({})
  .describe('Requests that have one of these go to it whatever the weights; default none.');

const part = z.strictObject({
  name: upstreamName.describe('Name of the upstream. Required.'),
  weight: wholeNumber('Share of the requests beside the other upstreams; with 0 it has those alone that `when` gives it.', {
    min: 0,
    max: 1000,
    byDefault: 1,
  }),
  when,
  holdOn: word(
    'When it has no weight for the time being, by what a `mirror` with `compare` to it has shown: as soon as it answers otherwise (differs), or as long as it is not shown to answer alike (not-same).',
    ['never', 'differs', 'not-same'],
  ),
});

const parts = z
  .array(
    z.union([upstreamName.transform((name) => part.parse({ name })), part], {
      error: 'must be the name of an upstream, or a mapping with `name`',
    }),
  )
  .min(1, { error: 'must have at least one upstream' })
  .max(MAX_PARTS, { error: `must not have more than ${MAX_PARTS} upstreams` });

export const routeUpstream = z.union([upstreamName, parts], {
  error: 'must be the name of an upstream, or a list of mappings with `name` and `weight`',
});

export type ParsedRouteUpstream = z.output<typeof routeUpstream>;

export function compileParts(parsed: Exclude<ParsedRouteUpstream, string>, timeoutOf: (upstream: string) => number): readonly SplitPart[] {
  return parsed.map(({ name, weight, when: matches, holdOn }) => ({
    upstream: name,
    weight,
    when: matches,
    holdOn,
    timeoutMs: timeoutOf(name),
  }));
}
