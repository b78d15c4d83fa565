import { z } from 'zod';
import { parseCidr, parseListen } from './address.ts';
import { PLANNED_LISTENER_KEYS } from './planned.ts';
import { bad, good, type Parsed } from './problem.ts';
import { checkedText, duration, parsedText, size, wholeNumber, word } from './scalars.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Names of listeners, upstreams and routes: they stand in logs, labels and messages. */
function parseName(text: string): Parsed<string> {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/.test(text)
    ? good(text)
    : bad('is not a name: 1 to 63 letters, digits, "_", "." or "-", the first one not "." or "-"');
}

export const nameText = checkedText(parseName);
const listenText = parsedText(parseListen, 'must be an address to listen on, as text: ":8080"');

/** `{ bytes: 1KiB, after: 10s }`: shared by listeners and upstreams. */
export function minRate(direction: string) {
  return z
    .strictObject({
      bytes: size(`Lowest rate a second at which ${direction} may flow; 0 turns the check off.`, { min: 0, max: 2 ** 30, byDefault: '0' }),
      after: duration('Time over which the rate is measured.', { min: 1000, max: HOUR_MS, byDefault: '10s' }),
    })
    .prefault({})
    .describe(`Lowest rate at which ${direction} may flow. Slower: the exchange is cut.`);
}

const limits = z
  .strictObject({
    maxHead: size('Request head, request line included. Over it: 431.', { min: 1024, max: 2 ** 20, byDefault: '64KiB' }),
    maxTarget: size('Request target. Over it: 414.', { min: 256, max: 2 ** 20, byDefault: '16KiB' }),
    maxFields: wholeNumber('Header fields of a request. Over it: 431. With engine uws 100 at most.', { min: 8, max: 1000, byDefault: 200 }),
    maxConnections: wholeNumber(
      'Client connections on one worker. Over it: closed at once. Lowered to what the process may open files for.',
      {
        min: 1,
        max: 1_000_000,
        byDefault: 65_536,
      },
    ),
  })
  .prefault({})
  .describe('Bounds of what a client may send.');

const timeouts = z
  .strictObject({
    head: duration('From the first byte of a request head to its end. Over it: 408.', { min: 100, max: HOUR_MS, byDefault: '10s' }),
    keepAlive: duration('How long a connection may stay without a request.', { min: 100, max: DAY_MS, byDefault: '75s' }),
    idle: duration('Between two bytes of a body, in either direction.', { min: 100, max: DAY_MS, byDefault: '60s' }),
  })
  .prefault({})
  .describe('Times that a client may take.');

const listenerObject = z.strictObject({
  name: nameText.optional().describe('Name in logs and metrics; default `listener1` and so on, by position.'),
  listen: listenText.describe('Address: ":8080", "127.0.0.1:8080", "[::1]:80"; port 0 takes a free one. Required.'),
  engine: word('HTTP engine.', ['node', 'uws']),
  trustedProxies: z
    .array(parsedText(parseCidr), { error: 'must be a list of address blocks' })
    .max(1000, { error: 'must not have more than 1000 entries' })
    .prefault([])
    .describe('Address blocks (CIDR) whose X-Forwarded-*, Forwarded and X-Real-IP are believed; default none.'),
  limits,
  timeouts,
  minRate: minRate('a body to or from a client'),
  backlog: wholeNumber('Connections that may wait in the queue of the kernel. Not with engine uws.', {
    min: 1,
    max: 65_535,
    byDefault: 4096,
  }),
  ...PLANNED_LISTENER_KEYS,
});

/** The shorthand takes the defaults of the long form. */
const listenerSettings = listenerObject.omit({ listen: true });

export const listenerSchema = z
  .union([listenText.transform((listen) => ({ ...listenerSettings.parse({}), listen })), listenerObject], {
    error: 'must be an address as text, or a mapping with `listen`',
  })
  .describe('An address, or a mapping.');

export const adminSchema = z
  .union(
    [
      listenText.transform((listen) => ({ listen, token: undefined })),
      z.strictObject({
        listen: listenText.describe('Address of the admin listener. Required.'),
        token: checkedText(parseToken)
          .optional()
          .describe('Bearer token, 8 to 512 visible ASCII characters. Required off loopback; default none.'),
      }),
    ],
    { error: 'must be an address as text, or a mapping with `listen`' },
  )
  .optional()
  .describe('Admin listener: metrics, health, reload, drain. An address, or a mapping; default off.');

function parseToken(text: string): Parsed<string> {
  return /^[\x21-\x7e]{8,512}$/.test(text) ? good(text) : bad('must have 8 to 512 visible ASCII characters');
}
