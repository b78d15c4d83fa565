/**
 * A cache as RFC 9111 describes it, slow and obvious, over an origin whose answers are named by kind. Time stands still: an
 * answer is fresh for hours or not at all.
 */

export type Kind = {
  readonly lines: readonly string[];
  /** Reused without asking; reused after asking; not stored. */
  readonly life: 'fresh' | 'stale' | 'none';
  readonly hasTag: boolean;
  readonly varies: boolean;
  /** May be stored when the request had Authorization (RFC 9111 3.5). */
  readonly isShared: boolean;
  readonly status: number;
};

const kind = (life: Kind['life'], lines: readonly string[], more: Partial<Kind> = {}): Kind => ({
  lines,
  life,
  hasTag: false,
  varies: false,
  isShared: false,
  status: 200,
  ...more,
});
const HOUR = 'Cache-Control: max-age=3600';

export const KINDS: readonly Kind[] = [
  kind('fresh', [HOUR]),
  kind('none', ['Cache-Control: no-store']),
  kind('none', ['Cache-Control: private, max-age=3600']),
  kind('stale', ['Cache-Control: no-cache'], { hasTag: true }),
  kind('fresh', [HOUR, 'Vary: Foo'], { varies: true }),
  kind('fresh', [HOUR], { hasTag: true }),
  kind('stale', ['Cache-Control: max-age=0'], { hasTag: true }),
  kind('fresh', ['Cache-Control: public, s-maxage=3600'], { isShared: true }),
  kind('none', [HOUR, 'Vary: *']),
  kind('none', [HOUR, 'Set-Cookie: a=b']),
  kind('fresh', ['Cache-Control: max-age=3600, must-revalidate'], { hasTag: true, isShared: true }),
  kind('fresh', [HOUR], { status: 404 }),
  kind('none', []),
  kind('fresh', [HOUR, 'Vary: Foo'], { varies: true, hasTag: true }),
];

export type Wish = 'plain' | 'no-cache' | 'no-store' | 'only-if-cached' | 'authorized';
/** What the origin has at a path. */
export type Resource = { readonly version: number; readonly kind: Kind };
type Entry = {
  readonly resource: Resource;
  /** Value of Foo in the request; `undefined`: it does not matter. */
  readonly foo: string | undefined;
  /** Something has happened after which it may be used or not. */
  isDoubtful: boolean;
};

export type Expected =
  | { readonly kind: 'refused' }
  /** `isDoubtful`: the other one would be right as well. */
  | { readonly kind: 'stored'; readonly resource: Resource; readonly isValidated: boolean; readonly isDoubtful: boolean }
  | { readonly kind: 'asked'; readonly isDoubtful: boolean };

/** What is stored for one path, newest first. */
export class ModelCache {
  #entries: Entry[] = [];
  /** Something is kept of an answer to HEAD, which may answer further ones. */
  knowsHead = false;

  /** What a GET or HEAD is answered from. */
  expect(wish: Wish, foo: string, current: Resource): Expected {
    const matching = this.#entries.filter((entry) => entry.foo === undefined || entry.foo === foo);
    const [chosen] = matching;
    const isDoubtful = matching.some((entry) => entry.isDoubtful);
    const isUsable = chosen !== undefined && chosen.resource.kind.life === 'fresh' && wish !== 'no-cache' && wish !== 'no-store';
    if (isUsable) return { kind: 'stored', resource: chosen.resource, isValidated: false, isDoubtful };
    if (wish === 'only-if-cached' && !isDoubtful) return { kind: 'refused' };
    if (chosen === undefined || wish === 'no-store' || !chosen.resource.kind.hasTag) return { kind: 'asked', isDoubtful };
    const isSame = chosen.resource.version === current.version;
    return isSame ? { kind: 'stored', resource: chosen.resource, isValidated: true, isDoubtful } : { kind: 'asked', isDoubtful };
  }

  /** The origin has given a whole answer to this request. */
  took(wish: Wish, foo: string, resource: Resource): void {
    const { kind } = resource;
    const matches = (entry: Entry): boolean => entry.foo === undefined || entry.foo === foo;
    const isStored = kind.life !== 'none' && wish !== 'no-store' && (wish !== 'authorized' || kind.isShared);
    if (!isStored) {
      // An older one may go on in use, or be dropped as out of date.
      for (const entry of this.#entries) if (matches(entry)) entry.isDoubtful = true;
      return;
    }
    const entry = { resource, foo: kind.varies ? foo : undefined, isDoubtful: false };
    // The one that would have been used before has been superseded; older ones that would have been right too may go or stay.
    const [chosen, ...older] = this.#entries.filter(matches);
    for (const old of older) old.isDoubtful = true;
    this.#entries = [entry, ...this.#entries.filter((old) => old !== chosen && old.foo !== entry.foo && entry.foo !== undefined)];
  }

  /** A HEAD that went to the origin may have brought news, or not. */
  tookHead(): void {
    this.knowsHead = true;
    for (const entry of this.#entries) entry.isDoubtful = true;
  }

  invalidate(): void {
    this.#entries = [];
    this.knowsHead = false;
  }
}
