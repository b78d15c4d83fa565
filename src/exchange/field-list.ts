/** Framing and connection fields belong to the proxy: a filter that changed them could desynchronise the two sides. */
const RESERVED = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const SP = 32;
const HTAB = 9;

type Line = { readonly name: string; readonly lower: string; readonly value: string };

/**
 * The fields of a message for filters: in order, with repeats, names compared without case. Not for the hot path: a route
 * without filters never makes one.
 */
export class FieldList {
  #lines: Line[] = [];
  #isChanged = false;
  #isWritten = false;

  /** `block`: vetted field lines, each ending in CRLF. */
  constructor(block: string) {
    for (const text of block.split('\r\n')) {
      const colon = text.indexOf(':');
      if (colon > 0) this.#lines.push(toLine(text.slice(0, colon), trimBlanks(text.slice(colon + 1))));
    }
  }

  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Something was put in, and not only taken away. */
  get isWritten(): boolean {
    return this.#isWritten;
  }

  /** All values of a field joined by `, `, or `undefined`. */
  get(name: string): string | undefined {
    const values = this.getAll(name);
    return values.length === 0 ? undefined : values.join(', ');
  }

  getAll(name: string): string[] {
    const lower = name.toLowerCase();
    return this.#lines.filter((line) => line.lower === lower).map((line) => line.value);
  }

  has(name: string): boolean {
    return this.getAll(name).length > 0;
  }

  /** Replaces all lines of that name. Throws a TypeError on a reserved or malformed name or value. */
  set(name: string, value: string): void {
    const line = vetLine(name, value);
    this.#lines = this.#lines.filter((other) => other.lower !== line.lower);
    this.#lines.push(line);
    this.#isChanged = true;
    this.#isWritten = true;
  }

  append(name: string, value: string): void {
    this.#lines.push(vetLine(name, value));
    this.#isChanged = true;
    this.#isWritten = true;
  }

  delete(name: string): void {
    const { lower } = vetLine(name, '');
    this.#lines = this.#lines.filter((other) => other.lower !== lower);
    this.#isChanged = true;
  }

  entries(): (readonly [name: string, value: string])[] {
    return this.#lines.map((line) => [line.name, line.value] as const);
  }

  /** Field lines, each ending in CRLF. */
  toBlock(): string {
    return this.#lines.map((line) => `${line.name}: ${line.value}\r\n`).join('');
  }
}

function toLine(name: string, value: string): Line {
  return { name, lower: name.toLowerCase(), value };
}

/** Optional white space is SP and HTAB (RFC 9110 section 5.6.3). `trim` would take 0xA0 as well: the last byte of an `à` in UTF-8. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

function vetLine(name: string, value: string): Line {
  const text = trimBlanks(String(value));
  if (!NAME.test(name)) throw new TypeError(`filter: ${JSON.stringify(name)} is not a field name`);
  if (!VALUE.test(text)) throw new TypeError(`filter: the value of ${name} has characters that a field value cannot have`);
  if (RESERVED.has(name.toLowerCase())) throw new TypeError(`filter: ${name} belongs to the proxy and cannot be changed by a filter`);
  return toLine(name, text);
}
