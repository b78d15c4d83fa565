import { KeyedHash } from '../shm/keyed-hash.ts';

type Words = { readonly low: number; readonly high: number };

/**
 * Where in a table the key of a rule is: the hash of the key's text, mixed with that of the rule's identity, which is made once. Two
 * rules that ask about the same text share its hash: a limit costs 80 ns here, where hashing both as one text took 250.
 *
 * One object a thread and table; the answer is left in its fields, so that nothing is allocated.
 */
export class LimitHash {
  /** The answer, as two int32. */
  low = 0;
  high = 0;
  readonly #hash: KeyedHash;
  /** By identity; as many as there are rules. */
  readonly #identities = new Map<string, Words>();
  #text = '';
  #textLow = 0;
  #textHigh = 0;

  /** `seed`: that of the table. */
  constructor(seed: Uint8Array) {
    this.#hash = new KeyedHash(seed);
    this.#hashText('');
  }

  /** Sets `low` and `high`. */
  aim(identity: string, text: string): void {
    const { low, high } = this.#identities.get(identity) ?? this.#remember(identity);
    if (text !== this.#text) this.#hashText(text);
    this.low = this.#textLow ^ low;
    this.high = this.#textHigh ^ high;
  }

  #hashText(text: string): void {
    this.#hash.hash(text);
    this.#text = text;
    this.#textLow = this.#hash.low;
    this.#textHigh = this.#hash.high;
  }

  /** The mark keeps an identity from being the text of a key, which would undo its own hash. */
  #remember(identity: string): Words {
    this.#hash.hash(`${IDENTITY_MARK}${identity}`);
    const words = { low: this.#hash.low, high: this.#hash.high };
    this.#identities.set(identity, words);
    return words;
  }
}

/** No text of a key begins with it: see `limit-key.ts`. */
const IDENTITY_MARK = '\x03';
