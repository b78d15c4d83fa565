import { type RecordWithTtl, Resolver } from 'node:dns';
import type { AddressFamily } from '../../config/discovery-types.ts';
import { errorCode } from '../network-error.ts';

type Family = 4 | 6;
type Answer = readonly RecordWithTtl[] | Error;
export type Addresses = { readonly addresses: readonly string[] /** The shortest. */; readonly ttlMs: number };

const TRY_MS = 2000;
const TRIES = 2;
const FIRST_ASKED: Readonly<Record<AddressFamily, readonly Family[]>> = { auto: [4], ipv4: [4], ipv6: [6], both: [4, 6] };

/** Asks the name servers themselves: the system's own functions do not tell the TTL. */
export function makeResolver(servers: readonly string[]): Resolver {
  const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
  if (servers.length > 0) resolver.setServers(servers);
  return resolver;
}

/** The addresses of one name. Where one family of two has no answer, the addresses that it had go on: half an answer is none. */
export class NameLookup {
  readonly #resolver: Resolver;
  readonly #host: string;
  readonly #family: AddressFamily;
  /** What each family had at its last answer. */
  readonly #known = new Map<Family, readonly RecordWithTtl[]>();

  constructor(resolver: Resolver, host: string, family: AddressFamily) {
    this.#resolver = resolver;
    this.#host = host;
    this.#family = family;
  }

  /** `done` is called once, with an error when nobody could say. No addresses are an answer. */
  ask(done: (found: Addresses | Error) => void): void {
    this.#askAll(FIRST_ASKED[this.#family], (first) => {
      if (this.#family !== 'auto' || !first.every(([, answer]) => isNone(answer))) done(this.#take(first));
      else this.#askAll([6], (second) => done(this.#take([...first, ...second])));
    });
  }

  #askAll(families: readonly Family[], then: (answers: readonly [Family, Answer][]) => void): void {
    const answers: [Family, Answer][] = [];
    for (const family of families) {
      const onAnswer = (error: Error | null, records: RecordWithTtl[] | undefined): void => {
        answers.push([family, error ?? records ?? []]);
        if (answers.length === families.length) then(answers);
      };
      if (family === 4) this.#resolver.resolve4(this.#host, { ttl: true }, onAnswer);
      else this.#resolver.resolve6(this.#host, { ttl: true }, onAnswer);
    }
  }

  #take(answers: readonly [Family, Answer][]): Addresses | Error {
    const failures = answers.flatMap(([, answer]) => (answer instanceof Error && !isNone(answer) ? [answer] : []));
    const [failure] = failures;
    if (failure !== undefined && failures.length === answers.length) return failure;
    for (const [family, answer] of answers) {
      if (!(answer instanceof Error)) this.#known.set(family, answer);
      else if (isNone(answer)) this.#known.delete(family);
    }
    // `auto` with IPv4 again.
    if (answers.length === 1) for (const family of this.#known.keys()) if (family !== answers[0]?.[0]) this.#known.delete(family);
    const records = Array.from(this.#known.values()).flat();
    // Nobody could say of one, and the other has none: that is no answer that a set could be emptied by.
    if (records.length === 0 && failure !== undefined) return failure;
    return { addresses: records.map(({ address }) => address), ttlMs: Math.min(...records.map(({ ttl }) => ttl * 1000)) };
  }
}

/** The name server knows that there are none. */
export function isNone(answer: readonly unknown[] | Error): boolean {
  if (!(answer instanceof Error)) return answer.length === 0;
  const code = errorCode(answer);
  return code === 'ENODATA' || code === 'ENOTFOUND';
}
