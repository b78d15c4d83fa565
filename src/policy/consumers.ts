import { copied } from '../base/copied.ts';
import type { ConsumerConfig, ConsumersConfig, ConsumerSource } from '../config/limit-types.ts';
import { KeyedHash } from '../shm/keyed-hash.ts';

/** Who sent a request, as far as the configuration can tell. Made once for each key and name; never changed. */
export class Asker {
  /** `unknown-key`: there was a key, and nobody has it. */
  readonly kind: 'known' | 'nobody' | 'unknown-key';
  /** Name of the consumer; `''` unless known. */
  readonly name: string;
  /** Its tier; `''` = that of the route. */
  readonly tier: string;
  /** Which key it was, as `acme/0`: the consumer's name and the place in its list. `''` where there was none. No secret. */
  readonly keyId: string;
  /** `undefined`: a trusted proxy named a consumer that is not in the list. */
  readonly config: ConsumerConfig | undefined;

  constructor(kind: Asker['kind'], name: string, parts: { readonly keyId: string; readonly config: ConsumerConfig | undefined }) {
    this.kind = kind;
    this.name = name;
    this.tier = parts.config?.tier ?? '';
    this.keyId = parts.keyId;
    this.config = parts.config;
  }
}

/** What has to be known of a request to tell who sent it. */
export interface AskerFacts {
  readonly isFromTrustedProxy: boolean;
  /** Of a header field, by lower-case name. */
  field(lowerName: string): string | undefined;
  /** Of a query parameter, decoded. */
  query(name: string): string | undefined;
}

export const NOBODY = new Asker('nobody', '', { keyId: '', config: undefined });
const STRANGER = new Asker('unknown-key', '', { keyId: '', config: undefined });

const MAX_KEY_LENGTH = 512;
const MAX_NAME_LENGTH = 256;
/** Names that a trusted proxy sent and that are in no list; over it, they are forgotten and made anew. */
const MAX_REMEMBERED = 10_000;

type KeyEntry = { readonly key: string; readonly asker: Asker };

/**
 * Finds who asks, by the sources of `consumers.from` in their order: the first that a request has decides. Keys are found by a hash
 * whose seed is secret, and then compared in a time that does not depend on where they differ, so that no key can be felt for.
 */
export class Consumers {
  readonly #sources: readonly ConsumerSource[];
  readonly #rejectsUnknown: boolean;
  readonly #hash: KeyedHash;
  readonly #byKeyHash = new Map<number, KeyEntry[]>();
  readonly #byName = new Map<string, Asker>();
  readonly #unlisted = new Map<string, Asker>();

  /** `seed`: 16 random bytes, that no one outside knows. */
  constructor(config: ConsumersConfig, seed: Uint8Array) {
    this.#sources = config.from;
    this.#rejectsUnknown = config.unknown === 'reject';
    this.#hash = new KeyedHash(seed);
    for (const consumer of config.list) this.#add(consumer);
  }

  /** Never allocates for one who is listed. */
  who(facts: AskerFacts): Asker {
    for (const source of this.#sources) {
      const told = toldBy(source, facts);
      const asker = source.kind === 'apiKey' ? this.#byKey(told) : this.#byTrustedName(told);
      if (asker !== undefined) return asker;
    }
    return NOBODY;
  }

  /** Whether this one gets 401. */
  refuses(asker: Asker): boolean {
    return this.#rejectsUnknown && asker.kind === 'unknown-key';
  }

  /** For explain and admin; `undefined` if the name is in no list. */
  named(name: string): Asker | undefined {
    return this.#byName.get(name);
  }

  #add(consumer: ConsumerConfig): void {
    const { name, keys } = consumer;
    this.#byName.set(name, new Asker('known', name, { keyId: '', config: consumer }));
    for (const [i, key] of keys.entries()) {
      this.#hash.hash(key);
      const same = this.#byKeyHash.get(this.#hash.low) ?? [];
      same.push({ key, asker: new Asker('known', name, { keyId: `${name}/${i}`, config: consumer }) });
      this.#byKeyHash.set(this.#hash.low, same);
    }
  }

  #byKey(key: string | undefined): Asker | undefined {
    if (key === undefined || key === '') return undefined;
    if (key.length > MAX_KEY_LENGTH) return STRANGER;
    this.#hash.hash(key);
    const candidates = this.#byKeyHash.get(this.#hash.low);
    if (candidates === undefined) return STRANGER;
    for (const candidate of candidates) if (isSameKey(key, candidate.key)) return candidate.asker;
    return STRANGER;
  }

  #byTrustedName(name: string | undefined): Asker | undefined {
    if (name === undefined || name === '' || name.length > MAX_NAME_LENGTH) return undefined;
    // The proxy's and one that its client had sent: which is which cannot be told.
    if (name.includes(',')) return undefined;
    return this.#byName.get(name) ?? this.#unlisted.get(name) ?? this.#remember(name);
  }

  #remember(name: string): Asker {
    if (this.#unlisted.size >= MAX_REMEMBERED) this.#unlisted.clear();
    const own = copied(name);
    const asker = new Asker('known', own, { keyId: '', config: undefined });
    this.#unlisted.set(own, asker);
    return asker;
  }
}

/** What a request says of who asks, in one of the places where it may. */
export function toldBy(source: ConsumerSource, facts: AskerFacts): string | undefined {
  if (source.kind === 'header') return facts.isFromTrustedProxy ? facts.field(source.name) : undefined;
  return source.place === 'header' ? facts.field(source.name) : facts.query(source.name);
}

/** Looks at every character, whatever the first ones are. */
function isSameKey(given: string, known: string): boolean {
  let difference = given.length ^ known.length;
  for (let i = 0; i < given.length; i++) difference |= given.charCodeAt(i) ^ known.charCodeAt(i % known.length);
  return difference === 0;
}
