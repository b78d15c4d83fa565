/**
 * The regular expressions of route conditions: JavaScript's syntax without what needs backtracking (back-references, looking
 * ahead or behind, word boundaries). They read bytes as latin1; a character above ASCII stands for its UTF-8 bytes.
 */

export type RegexNode =
  /** 1 = the byte is in the set. */
  | { readonly kind: 'set'; readonly set: Uint8Array }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly options: readonly RegexNode[] }
  /** `max` may be Infinity. */
  | { readonly kind: 'repeat'; readonly node: RegexNode; readonly min: number; readonly max: number }
  | { readonly kind: 'begin' | 'end' };

const MAX_DEPTH = 50;
const MAX_COUNT = 200;
const COUNT = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/;
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 };
const DIGITS = setOf((code) => code >= 0x30 && code <= 0x39);
const WORDS = setOf((code) => /\w/.test(String.fromCharCode(code)));
const BLANKS = setOf((code) => /\s/.test(String.fromCharCode(code)));
const CLASSES: Readonly<Record<string, Uint8Array>> = {
  d: DIGITS,
  D: inverse(DIGITS),
  w: WORDS,
  W: inverse(WORDS),
  s: BLANKS,
  S: inverse(BLANKS),
};
const NOT_LINE_END = setOf((code) => code !== 10 && code !== 13);

function setOf(has: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (has(code) ? 1 : 0));
}

function inverse(set: Uint8Array): Uint8Array {
  return set.map((has) => 1 - has);
}

/** Throws a `SyntaxError` that names the character, counted from 1. Boot only. */
export function parseRegex(source: string): RegexNode {
  const parser = new Parser(source);
  const node = parser.choice(0);
  if (!parser.isDone) parser.fail(') without (');
  return node;
}

class Parser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get isDone(): boolean {
    return this.#at >= this.#source.length;
  }

  fail(message: string): never {
    throw new SyntaxError(`regular expression: ${message} (at its character ${this.#at + 1})`);
  }

  choice(depth: number): RegexNode {
    if (depth > MAX_DEPTH) this.fail('groups are nested too deep');
    const options = [this.#sequence(depth)];
    while (this.#takes('|')) options.push(this.#sequence(depth));
    return options.length === 1 && options[0] !== undefined ? options[0] : { kind: 'choice', options };
  }

  #sequence(depth: number): RegexNode {
    const parts: RegexNode[] = [];
    while (!this.isDone && !this.#sees('|') && !this.#sees(')')) parts.push(this.#repeated(depth));
    return { kind: 'sequence', parts };
  }

  #repeated(depth: number): RegexNode {
    if (this.#takes('^')) return { kind: 'begin' };
    if (this.#takes('$')) return { kind: 'end' };
    const node = this.#atom(depth);
    const [min, max] = this.#count();
    if (min === 1 && max === 1) return node;
    // Lazy or greedy finds the same; whether it matches at all is what we ask.
    this.#takes('?');
    return { kind: 'repeat', node, min, max };
  }

  #count(): readonly [min: number, max: number] {
    if (this.#takes('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#takes('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#takes('?')) return [0, 1];
    const found = COUNT.exec(this.#source.slice(this.#at));
    if (found === null) return [1, 1];
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === undefined ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (max < min || min > MAX_COUNT || (max > MAX_COUNT && max !== Number.POSITIVE_INFINITY))
      this.fail(`a count goes up to ${MAX_COUNT}, the smaller first`);
    this.#at += found[0].length;
    return [min, max];
  }

  #atom(depth: number): RegexNode {
    if (this.#takes('(')) return this.#group(depth);
    if (this.#takes('[')) return { kind: 'set', set: this.#class() };
    if (this.#takes('.')) return { kind: 'set', set: NOT_LINE_END };
    if (this.#takes('\\')) return { kind: 'set', set: this.#escape() };
    if (/[*+?{}\]]/.test(this.#peek())) this.fail(`${this.#peek()} has nothing to stand for; write \\${this.#peek()} for the character`);
    const bytes = [...Buffer.from(this.#next(), 'utf8')].map((byte): RegexNode => ({ kind: 'set', set: setOf((code) => code === byte) }));
    return bytes.length === 1 && bytes[0] !== undefined ? bytes[0] : { kind: 'sequence', parts: bytes };
  }

  #group(depth: number): RegexNode {
    if (this.#sees('?') && !this.#takes('?:')) this.fail('groups are ( ) or (?: ); looking ahead or behind is not to be had');
    const node = this.choice(depth + 1);
    if (!this.#takes(')')) this.fail('( without )');
    return node;
  }

  /** After the backslash. */
  #escape(): Uint8Array {
    const character = this.#next();
    const known = CLASSES[character];
    if (known !== undefined) return known;
    const byte = this.#escapedByte(character);
    return setOf((code) => code === byte);
  }

  #escapedByte(character: string): number {
    const control = CONTROLS[character];
    if (control !== undefined) return control;
    if (character === 'x') {
      const digits = /^[0-9A-Fa-f]{2}/.exec(this.#source.slice(this.#at))?.[0] ?? this.fail('\\x wants two hexadecimal digits');
      this.#at += 2;
      return Number.parseInt(digits, 16);
    }
    if (!/^[\x20-\x7e]$/.test(character) || /[A-Za-z0-9]/.test(character)) this.fail(`\\${character} is not to be had`);
    return character.charCodeAt(0);
  }

  /** After the bracket. */
  #class(): Uint8Array {
    const isInverse = this.#takes('^');
    const set = new Uint8Array(256);
    while (!this.#takes(']')) {
      const low = this.#classItem();
      if (typeof low !== 'number') {
        for (const [code, has] of low.entries()) if (has === 1) set[code] = 1;
        continue;
      }
      const isRange = this.#sees('-') && !this.#source.startsWith('-]', this.#at) && this.#takes('-');
      const high = isRange ? this.#classItem() : low;
      if (typeof high !== 'number' || high < low) this.fail('a range goes from a character to one that is not before it');
      set.fill(1, low, high + 1);
    }
    return isInverse ? inverse(set) : set;
  }

  #classItem(): number | Uint8Array {
    if (this.isDone) this.fail('[ without ]');
    const character = this.#next();
    if (character === '\\') {
      const escaped = this.#next();
      return CLASSES[escaped] ?? this.#escapedByte(escaped);
    }
    if (character.charCodeAt(0) > 127) this.fail('a character above ASCII cannot stand in [ ]; use ( | )');
    return character.charCodeAt(0);
  }

  #peek(): string {
    return this.#source.charAt(this.#at);
  }

  #sees(text: string): boolean {
    return this.#source.startsWith(text, this.#at);
  }

  #takes(text: string): boolean {
    if (!this.#sees(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** One character, a pair of surrogates as one; `''` at the end. */
  #next(): string {
    const code = this.#source.codePointAt(this.#at);
    const character = code === undefined ? '' : String.fromCodePoint(code);
    this.#at += character.length;
    return character;
  }
}
