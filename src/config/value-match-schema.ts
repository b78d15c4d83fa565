import { z } from 'zod';
import { bad } from './problem.ts';
import { parseRegex } from './regex-cost.ts';
import { checkedText, looseBoolean, passOn } from './scalars.ts';
import type { ValueMatch } from './types.ts';

/** What the value of a header field, a query parameter or a cookie must be. */

const matchedText = z.string({ error: 'must be text; put it in quotes' }).max(8192, { error: 'must not be longer than 8192 characters' });

export const valueMatch = z
  .union(
    [
      matchedText.transform((value): ValueMatch => ({ kind: 'exact', value })),
      z
        .strictObject({
          exact: matchedText.optional().describe('The whole value.'),
          prefix: matchedText.optional().describe('How the value begins.'),
          regex: checkedText(parseRegex)
            .optional()
            .describe('A regular expression that is cheap in its worst case; values over 256 characters never match.'),
          present: looseBoolean().optional().describe('Whether it must be there (true) or must not (false).'),
        })
        .transform((value, context): ValueMatch => {
          const given = Object.values(value).filter((part) => part !== undefined).length;
          if (given !== 1) return passOn(bad('must have exactly one of exact, prefix, regex, present'), context);
          if (value.exact !== undefined) return { kind: 'exact', value: value.exact };
          if (value.prefix !== undefined) return { kind: 'prefix', value: value.prefix };
          if (value.regex !== undefined) return { kind: 'regex', source: value.regex };
          return { kind: value.present === true ? 'present' : 'absent' };
        }),
    ],
    { error: 'must be text in quotes, or a mapping with exact, prefix, regex or present' },
  )
  .describe('The exact value, or a mapping.');
