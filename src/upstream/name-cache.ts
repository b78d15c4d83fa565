import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** Answers are used for so long without a question; the system does not tell their TTL. */
const FRESH_MS = 5_000;
/** … and for so long while a newer one is awaited, or cannot be had. */
const STALE_MS = 60_000;
/** For so long nobody asks again after a failure. */
const FAILED_MS = 1_000;
export const MAX_NAMES = 256;

type Outcome = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;
/** Of a name, all addresses in the system's order. */
export type Resolve = (host: string, done: Outcome) => void;

/** What is known of one name. */
class Entry {
  addresses: readonly LookupAddress[] = [];
  /** When these addresses came. */
  sinceMs = Number.NEGATIVE_INFINITY;
  error: NodeJS.ErrnoException | null = null;
  failedMs = Number.NEGATIVE_INFINITY;
  /** When the lookup under way began; -1 = none is. */
  askedMs = -1;
  waiting: Outcome[] = [];
  /** How often the addresses were given out. */
  uses = 0;
}

/**
 * Addresses of names, one lookup under way for each. `getaddrinfo` holds a thread of the pool that all of the process shares until it is
 * answered, so a name server that is dead must not be asked once for each connection: what waited too long fails at once, and what was known goes on being used.
 */
export class NameCache {
  readonly #resolve: Resolve;
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry>();

  /** `nowMs`: monotonic. */
  constructor(resolve: Resolve, nowMs: () => number) {
    this.#resolve = resolve;
    this.#nowMs = nowMs;
  }

  get names(): number {
    return this.#entries.size;
  }

  /** `done` is called once: at once where the answer is known. `limitMs`: a lookup that has taken longer is not waited for. */
  ask(host: string, limitMs: number, done: Outcome): void {
    const nowMs = this.#nowMs();
    const entry = this.#entryOf(host);
    const ageMs = nowMs - entry.sinceMs;
    if (ageMs >= FRESH_MS && entry.askedMs < 0 && nowMs - entry.failedMs >= FAILED_MS) this.#refresh(host, entry, nowMs);
    if (nowMs - entry.sinceMs < STALE_MS) done(null, turned(entry.addresses, entry.uses++));
    else if (entry.askedMs < 0) done(entry.error ?? lookupError(host), []);
    else if (nowMs - entry.askedMs >= limitMs) done(lookupError(host), []);
    else entry.waiting.push(done);
  }

  #refresh(host: string, entry: Entry, nowMs: number): void {
    entry.askedMs = nowMs;
    this.#resolve(host, (error, addresses) => {
      entry.askedMs = -1;
      const endedMs = this.#nowMs();
      if (error === null && addresses.length > 0) {
        entry.addresses = addresses;
        entry.sinceMs = endedMs;
      } else {
        entry.error = error;
        entry.failedMs = endedMs;
      }
      const { waiting } = entry;
      entry.waiting = [];
      for (const done of waiting) {
        if (error === null && addresses.length > 0) done(null, turned(addresses, entry.uses++));
        else done(error ?? lookupError(host), []);
      }
    });
  }

  #entryOf(host: string): Entry {
    const known = this.#entries.get(host);
    if (known !== undefined) return known;
    if (this.#entries.size >= MAX_NAMES) this.#makeRoom();
    const entry = new Entry();
    this.#entries.set(host, entry);
    return entry;
  }

  /** The oldest goes. One whose lookup is under way still answers who waits for it. */
  #makeRoom(): void {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** Each of the addresses comes first in its turn, as it does where a name server turns its answers; but the family that the system prefers stays in front. */
function turned(addresses: readonly LookupAddress[], uses: number): readonly LookupAddress[] {
  const family = addresses[0]?.family;
  const preferred = addresses.filter((address) => address.family === family);
  if (preferred.length < 2) return addresses;
  const at = uses % preferred.length;
  return [...preferred.slice(at), ...preferred.slice(0, at), ...addresses.filter((address) => address.family !== family)];
}

/** As the system's own would look. */
function lookupError(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo EAI_AGAIN ${host}`), { code: 'EAI_AGAIN', syscall: 'getaddrinfo' });
}

/** One for each thread: what the system answers belongs to no gateway. */
const names = new NameCache((host, done) => systemLookup(host, { all: true }, done), performance.now.bind(performance));

/** In place of the platform's own, which asks for each connection. `connectMs` as configured: 0 = no limit. */
export function lookupWithin(connectMs: number): LookupFunction {
  const limitMs = connectMs === 0 ? Number.POSITIVE_INFINITY : connectMs;
  return (host, options, done) => {
    names.ask(host, limitMs, (error, addresses) => {
      if (error !== null) done(error, '', 0);
      else if (options.all === true) done(null, [...addresses]);
      else done(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
  };
}
