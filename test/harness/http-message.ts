/**
 * A slow, obvious and strict reader of HTTP/1.1 messages: what the tests judge Sluice's bytes with, on both sides. It shares
 * nothing with `src` on purpose. Whatever two parsers could read differently is `bad`.
 */

export type Fields = readonly (readonly [name: string, value: string])[];

export type Message = {
  /** Without CRLF. */
  readonly startLine: string;
  /** In order, names as received, values without surrounding blanks. */
  readonly fields: Fields;
  /** The head as received, latin1, with its empty line. */
  readonly head: string;
  /** Without framing. */
  readonly body: Buffer;
  /** Size of each chunk if the body was chunked. */
  readonly chunks: readonly number[] | undefined;
  readonly trailers: Fields;
  /** The whole message as received. */
  readonly bytes: Buffer;
};

export type Parsed<T> =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'bad'; readonly why: string }
  | { readonly kind: 'message'; readonly message: T; readonly length: number };

/** How the body is delimited when the fields alone do not tell: a request without them has none, a response runs to the end. */
export type BodyRule = 'by-fields-or-none' | 'by-fields-or-until-end' | 'none';

type Framing = { readonly kind: 'chunked' | 'until-end' | 'none' } | { readonly kind: 'length'; readonly bytes: number };
type Body = {
  readonly kind: 'body';
  readonly body: Buffer;
  readonly chunks: number[] | undefined;
  readonly trailers: Fields;
  readonly end: number;
};
type Unfinished = { readonly kind: 'incomplete' } | { readonly kind: 'bad'; readonly why: string };

const INCOMPLETE = { kind: 'incomplete' } as const;
const bad = (why: string): { readonly kind: 'bad'; readonly why: string } => ({ kind: 'bad', why });

/** All values of a field, in order. */
export function fieldValues(fields: Fields, name: string): readonly string[] {
  return fields.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

/** The only value of a field, `undefined` if there is none; throws if there are several. */
export function fieldValue(fields: Fields, name: string): string | undefined {
  const values = fieldValues(fields, name);
  if (values.length > 1) throw new Error(`${values.length} fields ${name}: ${values.join(' | ')}`);
  return values[0];
}

/** One message at the beginning of `bytes`. `isEnded`: the peer has sent its last byte. */
export function parseMessage(bytes: Buffer, rule: (startLine: string) => BodyRule, isEnded: boolean): Parsed<Message> {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return isEnded && bytes.length > 0 ? bad(`ended within a head: ${bytes.toString('latin1')}`) : INCOMPLETE;
  const head = bytes.toString('latin1', 0, headEnd + 4);
  const [startLine = '', ...lines] = head.slice(0, -4).split('\r\n');
  const fields = parseFields(lines);
  if (typeof fields === 'string') return bad(fields);
  const framing = framingOf(fields, rule(startLine));
  if (typeof framing === 'string') return bad(framing);
  const found = bodyOf(bytes, headEnd + 4, framing, isEnded);
  if (found.kind !== 'body') return found;
  const { body, chunks, trailers, end } = found;
  return { kind: 'message', message: { startLine, fields, head, body, chunks, trailers, bytes: bytes.subarray(0, end) }, length: end };
}

function parseFields(lines: readonly string[]): Fields | string {
  const fields: (readonly [string, string])[] = [];
  for (const line of lines) {
    const found = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\0\r\n]*?)[ \t]*$/.exec(line);
    if (found === null) return `malformed field line ${JSON.stringify(line)}`;
    fields.push([found[1] ?? '', found[2] ?? '']);
  }
  return fields;
}

function framingOf(fields: Fields, rule: BodyRule): Framing | string {
  const codings = fieldValues(fields, 'transfer-encoding');
  const lengths = fieldValues(fields, 'content-length');
  if (codings.length > 0 && lengths.length > 0) return 'both Transfer-Encoding and Content-Length';
  if (lengths.length > 1) return `several Content-Length: ${lengths.join(' | ')}`;
  if (rule === 'none') return { kind: 'none' };
  if (codings.length > 0)
    return codings.join(',').toLowerCase() === 'chunked' ? { kind: 'chunked' } : `Transfer-Encoding: ${codings.join(', ')}`;
  if (lengths[0] !== undefined)
    return /^\d+$/.test(lengths[0]) ? { kind: 'length', bytes: Number(lengths[0]) } : `Content-Length: ${lengths[0]}`;
  return { kind: rule === 'by-fields-or-none' ? 'none' : 'until-end' };
}

function bodyOf(bytes: Buffer, start: number, framing: Framing, isEnded: boolean): Body | Unfinished {
  const plain = (end: number): Body => ({ kind: 'body', body: bytes.subarray(start, end), chunks: undefined, trailers: [], end });
  switch (framing.kind) {
    case 'none':
      return plain(start);
    case 'until-end':
      return isEnded ? plain(bytes.length) : INCOMPLETE;
    case 'length':
      if (bytes.length >= start + framing.bytes) return plain(start + framing.bytes);
      return isEnded ? bad(`ended after ${bytes.length - start} of ${framing.bytes} body bytes`) : INCOMPLETE;
    case 'chunked': {
      const found = chunkedBody(bytes, start);
      return found.kind === 'incomplete' && isEnded ? bad('ended within a chunked body') : found;
    }
  }
}

function chunkedBody(bytes: Buffer, start: number): Body | Unfinished {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return INCOMPLETE;
    const line = bytes.toString('latin1', at, lineEnd);
    if (!/^[0-9A-Fa-f]{1,12}$/.test(line)) return bad(`malformed chunk size ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    if (size === 0) return chunkedEnd(bytes, lineEnd, parts);
    const end = lineEnd + 2 + size;
    if (bytes.length < end + 2) return INCOMPLETE;
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') return bad('no CRLF after a chunk');
    parts.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}

/** `lineEnd` is where the CRLF of the last chunk's size line stands. */
function chunkedEnd(bytes: Buffer, lineEnd: number, parts: readonly Buffer[]): Body | Unfinished {
  const trailerEnd = bytes.indexOf('\r\n\r\n', lineEnd);
  if (trailerEnd === -1) return INCOMPLETE;
  const lines = bytes.toString('latin1', lineEnd + 2, Math.max(trailerEnd, lineEnd + 2));
  const trailers = parseFields(lines === '' ? [] : lines.split('\r\n'));
  if (typeof trailers === 'string') return bad(trailers);
  return { kind: 'body', body: Buffer.concat(parts), chunks: parts.map((part) => part.length), trailers, end: trailerEnd + 4 };
}
