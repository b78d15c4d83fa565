import { z } from 'zod';
import { parseFieldName } from './fields.ts';
import type { LimitKeyPart } from './limit-types.ts';
import { PLANNED_KEY_PARTS } from './planned.ts';
import { bad, good, type Parsed } from './problem.ts';
import { parsedText, passOn } from './scalars.ts';

/** What a limit counts by. */

const MAX_PARTS = 8;
const IPV4_BITS = 32;
/** What one customer of a provider has at least for himself (RFC 6177): whoever counts whole addresses counts nothing. */
const IPV6_BITS = 64;

const KEY_WORDS = ['consumer', 'apiKey', 'ip', 'route'] as const;
const MUST_BE = 'must be consumer, apiKey, ip, route, a mapping with `header` or `ip`, or a list of these';

export const lowerFieldName = parsedText((text) => {
  const name = parseFieldName(text);
  return name.kind === 'ok' ? good(name.value.toLowerCase()) : name;
});

const keyWord = z
  .enum(KEY_WORDS, { error: MUST_BE })
  .transform((kind): LimitKeyPart => (kind === 'ip' ? { kind, ipv4Bits: IPV4_BITS, ipv6Bits: IPV6_BITS } : { kind }));

const keyMapping = z
  .strictObject({
    header: lowerFieldName.optional().describe('Name of a header field of the request; one that is not there counts as empty.'),
    ip: parsedText(parsePrefixes).optional().describe('How many bits of IPv4 and of IPv6 addresses count, as 24/56.'),
    ...PLANNED_KEY_PARTS,
  })
  .transform(({ header, ip }, context): LimitKeyPart => {
    if (header !== undefined && ip === undefined) return { kind: 'header', name: header };
    if (header === undefined && ip !== undefined) return { kind: 'ip', ...ip };
    return passOn(bad('must have exactly one of header, ip'), context);
  });

export const limitKey = z
  .union(
    [
      keyWord.transform((only) => [only]),
      keyMapping.transform((only) => [only]),
      z
        .array(z.union([keyWord, keyMapping], { error: MUST_BE }))
        .min(1, { error: 'must have at least one part' })
        .max(MAX_PARTS, { error: `must not have more than ${MAX_PARTS} parts` }),
    ],
    { error: MUST_BE },
  )
  .prefault('consumer')
  .describe('What it counts by: consumer, apiKey, ip, route, { header: NAME }, { ip: 24/56 }, or a list of these; default consumer.');

function parsePrefixes(text: string): Parsed<{ ipv4Bits: number; ipv6Bits: number }> {
  const parts = /^(\d{1,2})\/(\d{1,3})$/.exec(text);
  const ipv4Bits = Number(parts?.[1]);
  const ipv6Bits = Number(parts?.[2]);
  const isGood = ipv4Bits >= 1 && ipv4Bits <= 32 && ipv6Bits >= 1 && ipv6Bits <= 128;
  return isGood ? good({ ipv4Bits, ipv6Bits }) : bad('must be the bits that count of IPv4 and of IPv6 addresses, such as 24/56');
}
