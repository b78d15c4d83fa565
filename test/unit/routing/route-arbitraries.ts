import fc from 'fast-check';
import type { RouteMatch, ValueMatch } from '../../../src/config/types.ts';
import type { RouteQuery } from '../../../src/routing/query.ts';
import type { RouteSource } from '../../../src/routing/route.ts';

/** Few words, so that routes and requests meet, overlap and shadow each other often. */
const HOSTS = ['a.test', 'b.test', 'x.a.test', 'y.x.a.test', ''] as const;
const HOST_PATTERNS = [undefined, undefined, 'a.test', 'x.a.test', '*.test', '*.a.test', '*.x.a.test'] as const;
const SEGMENTS = ['a', 'b', 'ab', ''] as const;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT'] as const;
const VALUES = ['', '1', '12', '2'] as const;
const NAMES = ['x-a', 'x-b'] as const;

export type Request = {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
};

export function queryOf(request: Request): RouteQuery {
  const pairs = Object.entries(request.query).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return {
    host: request.host,
    path: request.path,
    method: request.method,
    queryText: pairs.length === 0 ? '' : `?${pairs.join('&')}`,
    field: (name) => request.headers[name],
  };
}

const patternArbitrary: fc.Arbitrary<string> = fc
  .record({
    segments: fc.array(fc.constantFrom('a', 'b', 'ab', '', '*', '{n}'), { maxLength: 4 }),
    hasTail: fc.boolean(),
  })
  .map(({ segments, hasTail }) => {
    const named = segments.map((segment, i) => (segment === '{n}' ? `{n${i}}` : segment));
    // A `*` that comes last is a tail, so one that is to take a single segment gets a name there.
    if (!hasTail && named.at(-1) === '*') named[named.length - 1] = '{last}';
    return `/${[...named, ...(hasTail ? ['*'] : [])].join('/')}`;
  });

const valueMatchArbitrary: fc.Arbitrary<ValueMatch> = fc.oneof(
  fc.constant<ValueMatch>({ kind: 'present' }),
  fc.constant<ValueMatch>({ kind: 'absent' }),
  fc.constantFrom(...VALUES).map((value): ValueMatch => ({ kind: 'exact', value })),
  fc.constantFrom(...VALUES).map((value): ValueMatch => ({ kind: 'prefix', value })),
  fc.constantFrom('^1', '2$', '^1?2$').map((source): ValueMatch => ({ kind: 'regex', source })),
);

const conditionsArbitrary = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(fc.record({ name: fc.constantFrom(...NAMES), match: valueMatchArbitrary }), { maxLength: 2 }) },
);

const matchArbitrary: fc.Arbitrary<RouteMatch> = fc.record({
  host: fc.constantFrom(...HOST_PATTERNS),
  path: patternArbitrary,
  methods: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(...METHODS), { maxLength: 2 }) },
  ),
  headers: conditionsArbitrary,
  query: conditionsArbitrary,
});

export const routesArbitrary: fc.Arbitrary<readonly RouteSource[]> = fc
  .array(fc.record({ match: matchArbitrary, priority: fc.constantFrom(0, 0, 0, 1, -1) }), { maxLength: 12 })
  .map((routes) => routes.map((route, i) => ({ ...route, name: `r${i}`, line: i + 1 })));

export const requestArbitrary: fc.Arbitrary<Request> = fc.record({
  host: fc.constantFrom(...HOSTS),
  path: fc.oneof(
    {
      weight: 30,
      arbitrary: fc.array(fc.constantFrom(...SEGMENTS), { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
    },
    { weight: 1, arbitrary: fc.constant('*') },
  ),
  method: fc.constantFrom(...METHODS),
  headers: fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES)),
  query: fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES)),
});
