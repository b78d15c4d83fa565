/** Whatever is asked and answered in whatever order: an answer that did not come from the origin is one that may be given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fieldValue } from '../../../src/http/fields.ts';
import type { RequestHead } from '../../../src/http/request-head.ts';
import { ModelCache, type OriginReply, policy, requestHead, responseHead } from './model-cache.ts';

/** What the origin says, with what a plain reader makes of it. */
type Saying = {
  readonly lines: readonly string[];
  readonly freshSec: number;
  readonly staleSec: number;
  readonly isForbidden: boolean;
  readonly varies: boolean;
};
const saying = (lines: readonly string[], freshSec: number, more: Partial<Saying> = {}): Saying => ({
  lines,
  freshSec,
  staleSec: 0,
  isForbidden: false,
  varies: false,
  ...more,
});
const WITH_COOKIE = saying(['Cache-Control: max-age=10', 'Set-Cookie: a=b'], 0, { isForbidden: true });
const SAYINGS: readonly Saying[] = [
  saying(['Cache-Control: max-age=10'], 10),
  saying(['Cache-Control: max-age=10, must-revalidate'], 10, { staleSec: -1 }),
  saying(['Cache-Control: max-age=100, s-maxage=5'], 5, { staleSec: -1 }),
  saying(['Cache-Control: max-age=5, stale-while-revalidate=10'], 5, { staleSec: 10 }),
  saying(['Cache-Control: no-cache, max-age=50'], 0, { staleSec: -1 }),
  saying(['Cache-Control: no-store, max-age=50'], 0, { isForbidden: true }),
  saying(['Cache-Control: private, max-age=50'], 0, { isForbidden: true }),
  saying(['Cache-Control: max-age=10', 'Vary: Foo'], 10, { varies: true }),
  saying(['Cache-Control: max-age=10', 'Vary: *'], 0, { isForbidden: true }),
  WITH_COOKIE,
  saying(['Cache-Control: max-age=10', 'Age: 7'], 3),
  // Each has Cache-Control, since a 304 without it leaves the stored one in force.
  saying(['Cache-Control: public', 'Expires: 0'], 0),
  saying(['Cache-Control: max-age=x'], 0),
  saying(['Cache-Control: foo'], 0),
];

type Step = {
  readonly waitSec: number;
  readonly method: string;
  readonly path: string;
  readonly foo: string;
  readonly cc: string;
  readonly range: string;
  readonly says: Saying;
  readonly hasTag: boolean;
  /** The resource changes before the request comes. */
  readonly changes: boolean;
  readonly fails: boolean;
};
const step: fc.Arbitrary<Step> = fc.record({
  waitSec: fc.constantFrom(0, 1, 4, 6, 20),
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD', 'POST'),
  path: fc.constantFrom('/a', '/a', '/b'),
  foo: fc.constantFrom('', 'one', 'two'),
  cc: fc.constantFrom('', '', '', 'no-cache', 'no-store', 'max-age=3', 'max-stale=5', 'min-fresh=3', 'only-if-cached'),
  range: fc.constantFrom('', '', '', 'bytes=0-3', 'bytes=2-', 'bytes=-2', 'bytes=0-1,4-5'),
  says: fc.constantFrom(...SAYINGS),
  hasTag: fc.boolean(),
  changes: fc.boolean(),
  fails: fc.constantFrom(false, false, false, true),
});

/** One version of a resource as the origin has given it, and when it was last said to hold. */
type Given = { readonly path: string; readonly foo: string; readonly body: string; says: Saying; atSec: number };

class Origin {
  readonly versions = new Map<string, number>();
  readonly given: Given[] = [];
  asked = 0;

  bodyOf(path: string): string {
    return `${path}-version-${this.versions.get(path) ?? 0}`;
  }

  answer(request: RequestHead, { says, hasTag, fails }: Step, nowSec: number): OriginReply | undefined {
    this.asked++;
    if (fails) return undefined;
    const { path } = request;
    const foo = fieldValue(request, 'foo') ?? '';
    const body = this.bodyOf(path);
    const tag = `"${body}"`;
    if (request.method === 'POST') return { head: responseHead('204 No Content'), body: '' };
    const isUnchanged = fieldValue(request, 'if-none-match') === tag;
    // The cookie of a 304 is left out, and the rest of it counts.
    const understood = isUnchanged && says === WITH_COOKIE ? { ...says, freshSec: 10, isForbidden: false } : says;
    this.given.push({ path, foo, body, says: understood, atSec: nowSec });
    if (isUnchanged) return { head: responseHead('304 Not Modified', ...says.lines, `ETag: ${tag}`), body: '' };
    // Of a HEAD without any validator RFC 9111 4.3.5 has a cache believe that nothing has changed.
    const lines = [...says.lines, ...(hasTag || request.method === 'HEAD' ? [`ETag: ${tag}`] : [])];
    const part = /^bytes=(\d+)-(\d*)$/.exec(fieldValue(request, 'range') ?? '');
    if (part === null || fieldValue(request, 'if-range') !== undefined) {
      return { head: responseHead('200 OK', ...lines, `Content-Length: ${body.length}`), body: request.method === 'HEAD' ? '' : body };
    }
    const [first, last] = [Number(part[1]), part[2] === '' ? body.length - 1 : Number(part[2])];
    const piece = body.slice(first, last + 1);
    return {
      head: responseHead(
        '206 Partial Content',
        ...lines,
        `Content-Range: bytes ${first}-${last}/${body.length}`,
        `Content-Length: ${piece.length}`,
      ),
      body: piece,
    };
  }
}

/** Whether `body`, or a part of it, is one that may be given to this step without asking. */
function isAllowed(origin: Origin, given: Given, asking: Step, nowSec: number): boolean {
  const { says, atSec, foo, path } = given;
  const acceptedSec = /max-stale=(\d+)/.exec(asking.cc)?.[1] ?? '0';
  const staleSec = says.staleSec < 0 ? 0 : Math.max(says.staleSec, Number(acceptedSec));
  return (
    path === asking.path &&
    !says.isForbidden &&
    (!says.varies || foo === asking.foo) &&
    nowSec - atSec <= says.freshSec + staleSec &&
    origin.given.includes(given)
  );
}

test('what is served without asking is fresh, or stale by leave, and of this variant', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
      const cache = new ModelCache(policy());
      const origin = new Origin();
      let nowSec = 0;
      for (const one of steps) {
        cache.wait(one.waitSec * 1000);
        nowSec += one.waitSec;
        if (one.changes) origin.versions.set(one.path, (origin.versions.get(one.path) ?? 0) + 1);
        const before = origin.asked;
        const lines = [...(one.foo === '' ? [] : [`Foo: ${one.foo}`]), ...(one.cc === '' ? [] : [`Cache-Control: ${one.cc}`])];
        const ranged = one.range === '' ? lines : [...lines, `Range: ${one.range}`];
        const reply = cache.handle(requestHead(`${one.method} ${one.path} HTTP/1.1`, ...ranged), (request) =>
          origin.answer(request, one, nowSec),
        );
        if (reply.status === 504 || reply.status === 502 || one.method !== 'GET' || reply.status === 416) continue;
        const isHit = origin.asked === before || cache.decision.isRefreshDue;
        const candidates = isHit ? origin.given.filter((given) => isAllowed(origin, given, one, nowSec)) : origin.given;
        const bodies = candidates.flatMap(({ body }) => [body, ...partsOf(body, reply.head)]);
        assert.ok(
          bodies.some((body) => body === reply.body || (reply.head.includes('multipart') && reply.body.includes(body.slice(0, 2)))),
          `${reply.status} ${reply.body}`,
        );
        assert.ok(!(isHit && (one.cc === 'no-cache' || one.cc === 'no-store')), 'the client would not have it');
      }
    }),
    { numRuns: 1000 },
  );
});

/** The part that Content-Range tells. */
function partsOf(body: string, head: string): readonly string[] {
  const [, first, last, length] = /Content-Range: bytes (\d+)-(\d+)\/(\d+)/i.exec(head) ?? [];
  return first === undefined || Number(length) !== body.length ? [] : [body.slice(Number(first), Number(last) + 1)];
}
