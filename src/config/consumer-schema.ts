import { z } from 'zod';
import { lowerFieldName } from './limit-key-schema.ts';
import { tierLimits } from './limit-schema.ts';
import type { ConsumerSource } from './limit-types.ts';
import { nameText } from './listener-schema.ts';
import { bad, good } from './problem.ts';
import { checkedText, passOn, word } from './scalars.ts';
import { quotas } from './tier-schema.ts';

/** Who asks. */

const MAX_CONSUMERS = 100_000;

const source = z
  .strictObject({
    apiKey: z
      .strictObject({
        header: lowerFieldName.optional().describe('Name of the header field with the key.'),
        query: z
          .string()
          .min(1, { error: 'must not be empty' })
          .max(128)
          .optional()
          .describe('Name of the query parameter with the key. The log does not get it, nor the upstream without forwardCredentials.'),
      })
      .optional()
      .describe('A secret key, in a header field or in the query.'),
    header: lowerFieldName.optional().describe('Field with the name of the consumer, believed of trusted proxies only.'),
  })
  .transform(({ apiKey, header }, context): ConsumerSource => {
    if ((apiKey === undefined) === (header === undefined)) return passOn(bad('must have exactly one of apiKey, header'), context);
    if (apiKey === undefined) return { kind: 'header', name: header ?? '' };
    if ((apiKey.header === undefined) === (apiKey.query === undefined)) {
      return passOn(bad('must have exactly one of header, query'), context);
    }
    if (apiKey.header !== undefined) return { kind: 'apiKey', place: 'header', name: apiKey.header };
    return { kind: 'apiKey', place: 'query', name: apiKey.query ?? '' };
  });

/** The text is not quoted: it is a secret. */
const secretKey = checkedText((text) =>
  /^[\x21-\x7e]{8,512}$/.test(text) ? good(text) : bad('must have 8 to 512 visible ASCII characters'),
);

const consumer = z.strictObject({
  name: nameText.describe('Name in metrics, keys and the admin API. Required.'),
  keys: z
    .array(secretKey, { error: 'must be a list of keys' })
    .max(100, { error: 'must not have more than 100 keys' })
    .prefault([])
    .describe('Its secret keys, best from the environment, each of 8 to 512 visible ASCII characters; default none.'),
  tier: nameText.optional().describe('Name of its tier; default that of the route.'),
  limits: tierLimits.describe(
    'Limits in place of those of the tier over the same time or of the same name, and beside the others; default none.',
  ),
  quotas: quotas.describe('Quotas in place of those of the tier of the same name, and beside the others; default none.'),
});

export type ParsedConsumer = z.output<typeof consumer>;

export const consumersSchema = z
  .strictObject({
    from: z
      .array(source, { error: 'must be a list of mappings with `apiKey` or `header`' })
      .min(1, { error: 'must have at least one source' })
      .max(16, { error: 'must not have more than 16 sources' })
      .prefault([{ apiKey: { header: 'x-api-key' } }])
      .describe('Where a request tells who asks, the first that it has; default [{ apiKey: { header: X-API-Key } }].'),
    unknown: word('What a key that nobody has makes of a request, where there are limits: one without a consumer, or 401.', [
      'anonymous',
      'reject',
    ]),
    list: z
      .array(consumer, { error: 'must be a list of consumers' })
      .max(MAX_CONSUMERS, { error: `must not have more than ${MAX_CONSUMERS} consumers` })
      .prefault([])
      .describe('Those who are known; default none.'),
  })
  .optional()
  .describe('Who asks, for limits, tiers and quotas; default nobody is known.');
