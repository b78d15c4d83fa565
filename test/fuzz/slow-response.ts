/**
 * A reader of HTTP/1.1 responses that is slow and obvious: regular expressions over the whole text. It only tells whether the
 * text begins with a whole, valid response (the connection having been closed after the text), and what is in it.
 */
export type Outcome = { kind: 'whole' | 'not-whole'; events: string[]; body: string; used: number };

const NOT_WHOLE: Outcome = { kind: 'not-whole', events: [], body: '', used: 0 };
const HEAD =
  /^HTTP\/1\.(\d) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n((?:[!#$%&'*+\-.^_`|~\dA-Za-z]+[\t ]*:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n/;
const CHUNK = /^([\dA-Fa-f]{1,128})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n/;
const TRAILERS = /^(?:[!#$%&'*+\-.^_`|~\dA-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/;

type Head = { length: number; minor: number; status: number; fields: [name: string, value: string][] };

function readHead(text: string): Head | undefined {
  const match = HEAD.exec(text);
  if (match === null) return undefined;
  const lines = (match[4] ?? '').split('\r\n').slice(0, -1);
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).replace(/[\t ]+$/, ''), line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '')];
  });
  return { length: match[0].length, minor: Number(match[1]), status: Number(match[2]), fields };
}

function values(head: Head, name: string): string[] {
  return head.fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

/** A word that is no coding stands where one should: the body ends with the connection. */
function isBare(head: Head): boolean {
  const [word = '', ...more] = values(head, 'transfer-encoding').map((value) => value.toLowerCase());
  const isWord = /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(word);
  const isCoding = /^(x-)?(gzip|compress)$|^deflate$|^identity$|chunked/.test(word);
  return head.status !== 204 && more.length === 0 && isWord && !isCoding;
}

/** -1 = until close, -2 = chunked, undefined = invalid. */
function bodyLength(head: Head, isHead: boolean): number | undefined {
  if (head.status === 204) return 0;
  const lengths = values(head, 'content-length').flatMap((value) => value.split(',').map((each) => each.replace(/^[\t ]+|[\t ]+$/g, '')));
  if (!lengths.every((each) => /^\d+$/.test(each) && BigInt(each) < 2n ** 53n) || new Set(lengths.map(Number)).size > 1) return undefined;
  const codings = values(head, 'transfer-encoding');
  const isKnown = codings[0]?.toLowerCase() === 'chunked' || isBare(head);
  if (codings.length > 1 || (codings.length === 1 && (!isKnown || head.minor === 0))) return undefined;
  if (codings.length > 0 && lengths.length > 0) return undefined;
  if (isHead || head.status === 304) return 0;
  if (codings.length > 0 && !isBare(head)) return -2;
  return lengths.length > 0 ? Number(lengths[0]) : -1;
}

function isKeptAlive(head: Head): boolean {
  const options = values(head, 'connection').flatMap((value) =>
    value.split(',').map((each) => each.replace(/^[\t ]+|[\t ]+$/g, '').toLowerCase()),
  );
  return !isBare(head) && !options.includes('close') && (head.minor > 0 || options.includes('keep-alive'));
}

function readChunks(text: string): { body: string; used: number } | undefined {
  let body = '';
  let at = 0;
  for (;;) {
    const match = CHUNK.exec(text.slice(at));
    if (match === null) return undefined;
    const size = Number.parseInt(match[1] ?? '', 16);
    at += match[0].length;
    if (size === 0) break;
    if (text.slice(at + size, at + size + 2) !== '\r\n') return undefined;
    body += text.slice(at, at + size);
    at += size + 2;
  }
  const trailers = TRAILERS.exec(text.slice(at));
  return trailers === null ? undefined : { body, used: at + trailers[0].length };
}

export function readSlowly(text: string, isHead: boolean): Outcome {
  const events: string[] = [];
  let at = 0;
  let head = readHead(text);
  while (head !== undefined && head.status < 200) {
    if (head.status === 101 || head.fields.length > 12) return NOT_WHOLE;
    events.push(`informational ${head.status}`);
    at += head.length;
    head = readHead(text.slice(at));
  }
  if (head === undefined || head.fields.length > 12) return NOT_WHOLE;
  const length = bodyLength(head, isHead);
  if (length === undefined) return NOT_WHOLE;
  at += head.length;
  events.push(
    `head ${head.status} ${Math.max(length, -1)} ${isKeptAlive(head)} ${head.fields.map(([name, value]) => `${name}=${value}`).join('|')}`,
  );
  const rest = text.slice(at);
  if (length === -2) {
    const chunks = readChunks(rest);
    return chunks === undefined ? NOT_WHOLE : { kind: 'whole', events, body: chunks.body, used: at + chunks.used };
  }
  if (length === -1) return { kind: 'whole', events, body: rest, used: text.length };
  if (rest.length < length) return NOT_WHOLE;
  return { kind: 'whole', events, body: rest.slice(0, length), used: at + length };
}
