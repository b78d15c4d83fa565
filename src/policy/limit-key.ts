import { assert } from '../base/assert.ts';
import type { LimitKeyPart } from '../config/limit-types.ts';
import { AddressPrefix } from './address-prefix.ts';
import type { Asker } from './consumers.ts';

/** What has to be known of a request to tell whose it is. */
export interface LimitFacts {
  readonly asker: Asker;
  /** As far as trusted proxies can be believed. */
  readonly clientAddress: string;
  /** Of a header field, by lower-case name. */
  field(lowerName: string): string | undefined;
}

/** Between two parts; no part can have it, since no field value, address or name may. */
const BETWEEN = '\0';
/** Before an address that stands in for a consumer or a key: so none of these can be taken for the other. */
const STAND_IN = '\x01';
/** The same as people write it, in `keyTextOfWords`. */
const STAND_IN_WORD = 'ip:';
/** Of long values the end counts: there tokens differ (their signature), where their beginnings may be alike. */
const MAX_VALUE_LENGTH = 1024;

/**
 * What one limit counts by. Requests with the same text are one. A part that a request lacks: in place of a consumer or of a key
 * that somebody has, its address (a key that nobody has counts as none, or every guess would have a limit of its own); an absent
 * header field is the empty text.
 */
export class LimitKey {
  readonly parts: readonly LimitKeyPart[];
  readonly #route: string;
  /** For each part: how an address is cut that it has, or that stands in for it. */
  readonly #prefixes: readonly AddressPrefix[];

  /** `parts`: one at least. */
  constructor(parts: readonly LimitKeyPart[], route: string) {
    assert(parts.length > 0, 'a limit counts by something');
    this.parts = parts;
    this.#route = route;
    this.#prefixes = parts.map((part) =>
      part.kind === 'ip' ? new AddressPrefix(part.ipv4Bits, part.ipv6Bits) : new AddressPrefix(32, 64),
    );
  }

  textOf(facts: LimitFacts): string {
    let text = this.#part(0, facts);
    for (let i = 1; i < this.parts.length; i++) text += BETWEEN + this.#part(i, facts);
    return text;
  }

  /**
   * The text for what a person names, a word for each part but `route`: the consumer's name, the key's id (`acme/0`), an address, a
   * field's value; `ip:` and an address for who is no consumer. `undefined`: too few words, or too many.
   */
  textOfWords(words: readonly string[]): string | undefined {
    const left = [...words];
    const texts = this.parts.map((part, i) => (part.kind === 'route' ? this.#route : this.#ofWord(part, i, left.shift())));
    return left.length > 0 || texts.some((text) => text === undefined) ? undefined : texts.join(BETWEEN);
  }

  #part(i: number, facts: LimitFacts): string {
    const part = this.parts[i];
    switch (part?.kind) {
      case 'consumer':
        return facts.asker.name === '' ? STAND_IN + this.#address(i, facts.clientAddress) : facts.asker.name;
      case 'apiKey':
        return facts.asker.keyId === '' ? STAND_IN + this.#address(i, facts.clientAddress) : facts.asker.keyId;
      case 'ip':
        return this.#address(i, facts.clientAddress);
      case 'header':
        return shortened(facts.field(part.name) ?? '');
      default:
        return this.#route;
    }
  }

  #address(i: number, address: string): string {
    return this.#prefixes[i]?.of(address) ?? address;
  }

  #ofWord(part: LimitKeyPart, i: number, word: string | undefined): string | undefined {
    if (word === undefined) return undefined;
    if (part.kind === 'header') return shortened(word);
    if (part.kind === 'ip') return this.#address(i, word);
    return word.startsWith(STAND_IN_WORD) ? STAND_IN + this.#address(i, word.slice(STAND_IN_WORD.length)) : word;
  }
}

function shortened(value: string): string {
  return value.length > MAX_VALUE_LENGTH ? value.slice(-MAX_VALUE_LENGTH) : value;
}
