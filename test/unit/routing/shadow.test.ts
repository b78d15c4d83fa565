import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RouteMatch } from '../../../src/config/types.ts';
import type { RouteSource } from '../../../src/routing/route.ts';
import { Router } from '../../../src/routing/router.ts';
import { findShadowed } from '../../../src/routing/shadow.ts';
import { referenceMatch, referenceMatches } from './reference.ts';
import { queryOf, requestArbitrary, routesArbitrary } from './route-arbitraries.ts';

const route = (name: string, path: string, match: Partial<RouteMatch> = {}, priority = 0): RouteSource => ({
  name,
  line: Number(name.slice(1)),
  priority,
  match: { host: undefined, path, methods: [], headers: [], query: [], ...match },
});

test('no request ever reaches a route that is reported, and what it matches goes where the report says', () => {
  let reported = 0;
  fc.assert(
    fc.property(routesArbitrary, fc.array(requestArbitrary, { minLength: 10, maxLength: 60 }), (routes, requests) => {
      const reports = findShadowed(routes);
      reported += reports.length;
      for (const report of reports) {
        const source = routes[report.index];
        assert.ok(source !== undefined && source.name === report.name);
        for (const request of requests) {
          if (!referenceMatches(source, request)) continue;
          assert.notEqual(report.kind, 'never-matches');
          const by = routes.find(({ name }) => name === report.by?.name);
          assert.ok(by !== undefined && referenceMatches(by, request), `${report.message}, but not ${JSON.stringify(request)}`);
          const told = referenceMatch(routes, request);
          assert.ok(told.kind === 'found' && told.name !== report.name);
        }
        if (report.kind === 'ambiguous') {
          const by = routes.find(({ name }) => name === report.by?.name);
          assert.ok(by !== undefined);
          for (const request of requests) assert.equal(referenceMatches(source, request), referenceMatches(by, request));
        }
      }
    }),
    { numRuns: 1200 },
  );
  assert.ok(reported > 400, `the routes made here shadow each other often enough to tell: ${reported}`);
});

test('a route that is reported is never found by the router itself', () => {
  fc.assert(
    fc.property(routesArbitrary, requestArbitrary, (routes, request) => {
      const result = new Router(routes.map((source) => ({ ...source, value: source.name }))).match(queryOf(request));
      if (result.kind === 'found') assert.ok(!findShadowed(routes).some(({ name }) => name === result.value));
    }),
    { numRuns: 1200 },
  );
});

const ROWS: readonly (readonly [what: string, routes: readonly RouteSource[], reports: readonly string[]])[] = [
  ['a higher priority over all of a path', [route('r1', '/a/b'), route('r2', '/a/*', {}, 1)], ['r1 shadowed r2']],
  ['the same match twice', [route('r1', '/a/{x}'), route('r2', '/a/{y}')], ['r2 ambiguous r1']],
  [
    'fewer methods behind more',
    [route('r1', '/a', { methods: ['GET', 'PUT'] }), route('r2', '/a', { methods: ['PUT'] })],
    ['r2 shadowed r1'],
  ],
  ['HEAD behind GET', [route('r1', '/a', { methods: ['GET'] }), route('r2', '/a', { methods: ['HEAD'] })], ['r2 shadowed r1']],
  ['a specific route beside a general one', [route('r1', '/*'), route('r2', '/a')], []],
  [
    'an exact value behind a prefix',
    [
      route('r1', '/a', { headers: [{ name: 'X-A', match: { kind: 'prefix', value: 'v' } }] }),
      route('r2', '/a', { headers: [{ name: 'x-a', match: { kind: 'exact', value: 'v1' } }] }),
    ],
    ['r2 shadowed r1'],
  ],
  [
    'a field that must be there and must not',
    [
      route('r1', '/a', {
        headers: [
          { name: 'a', match: { kind: 'absent' } },
          { name: 'A', match: { kind: 'present' } },
        ],
      }),
    ],
    ['r1 never-matches undefined'],
  ],
  ['a host with a port', [route('r1', '/a', { host: 'a.test:80' })], ['r1 never-matches undefined']],
  ['an IPv6 host', [route('r1', '/a', { host: '[::1]' })], []],
  [
    'a header and a query parameter of the same name',
    [route('r1', '/a', { headers: [{ name: 'a', match: { kind: 'absent' } }], query: [{ name: 'a', match: { kind: 'present' } }] })],
    [],
  ],
];
for (const [what, routes, reports] of ROWS) {
  test(`at load, ${what}: ${reports.length === 0 ? 'nothing is reported' : 'it is reported'}`, () => {
    assert.deepEqual(
      findShadowed(routes).map(({ name, kind, by }) => `${name} ${kind} ${by?.name}`),
      reports,
    );
  });
}

test('a report names the other route and its line', () => {
  const [report] = findShadowed([route('r7', '/a/*', {}, 1), route('r8', '/a/b')]);
  assert.equal(report?.message, 'route r8 is shadowed by r7 (line 7): every request it matches goes there');
});
