import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RouteMatch } from '../../../src/config/types.ts';
import { capturesOf } from '../../../src/routing/captures.ts';
import { explainMatch } from '../../../src/routing/explain.ts';
import type { RouteSource } from '../../../src/routing/route.ts';
import { Router } from '../../../src/routing/router.ts';
import { referenceMatch, type Told } from './reference.ts';
import { queryOf, type Request, requestArbitrary, routesArbitrary } from './route-arbitraries.ts';

function routerOf(routes: readonly RouteSource[]): Router<string> {
  return new Router(routes.map((route) => ({ ...route, value: route.name })));
}

function tell(router: Router<string>, request: Request): Told {
  const result = router.match(queryOf(request));
  if (result.kind !== 'found') return result;
  return { kind: 'found', name: result.value, captures: result.names.map((_, i) => result.captures.text(i)) };
}

const route = (name: string, path: string, match: Partial<RouteMatch> = {}, priority = 0): RouteSource => ({
  name,
  line: 1,
  priority,
  match: { host: undefined, path, methods: [], headers: [], query: [], ...match },
});
const request = (path: string, more: Partial<Request> = {}): Request => ({
  host: 'a.test',
  path,
  method: 'GET',
  headers: {},
  query: {},
  ...more,
});
const nameFor = (routes: readonly RouteSource[], asked: Request): string => {
  const told = tell(routerOf(routes), asked);
  return told.kind === 'found' ? told.name : told.kind;
};

test('the router finds what the obvious one finds, whatever the routes and the order of the file', () => {
  fc.assert(
    fc.property(routesArbitrary, fc.array(requestArbitrary, { minLength: 1, maxLength: 20 }), (routes, requests) => {
      const router = routerOf(routes);
      for (const asked of requests) assert.deepEqual(tell(router, asked), referenceMatch(routes, asked));
    }),
    { numRuns: 1500 },
  );
});

test('the order in the file decides only between routes of equal rank', () => {
  const distinct = [
    route('exact', '/a/b'),
    route('literal', '/a/*'),
    route('one', '/{x}/b'),
    route('all', '/*'),
    route('host', '/*', { host: '*.test' }),
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(distinct, { minLength: distinct.length }), requestArbitrary, (routes, asked) => {
      assert.deepEqual(tell(routerOf(routes), asked), tell(routerOf(distinct), asked));
    }),
  );
});

test('an explanation chooses the route that the router finds, and gives every route one reason', () => {
  fc.assert(
    fc.property(routesArbitrary, requestArbitrary, (routes, asked) => {
      const router = routerOf(routes);
      const verdicts = explainMatch(router.routes, queryOf(asked));
      const told = tell(router, asked);
      assert.equal(verdicts.length, routes.length);
      assert.equal(verdicts.find(({ outcome }) => outcome === 'chosen')?.name, told.kind === 'found' ? told.name : undefined);
      const isRefused = verdicts.every(({ outcome }) => outcome !== 'chosen') && verdicts.some(({ outcome }) => outcome === 'method');
      assert.equal(isRefused, told.kind === 'method-not-allowed');
    }),
    { numRuns: 1200 },
  );
});

const PREFERENCE_ROWS: readonly (readonly [rule: string, winner: RouteSource, loser: RouteSource, asked: Request])[] = [
  ['a higher priority goes before a more specific path', route('w', '/*', {}, 1), route('l', '/a'), request('/a')],
  ['an exact host before a wildcard', route('w', '/*', { host: 'a.test' }), route('l', '/a', { host: '*.test' }), request('/a')],
  [
    'a longer wildcard before a shorter one',
    route('w', '/*', { host: '*.a.test' }),
    route('l', '/a', { host: '*.test' }),
    request('/a', { host: 'x.a.test' }),
  ],
  ['a wildcard before any host', route('w', '/*', { host: '*.test' }), route('l', '/a'), request('/a')],
  ['the exact path before its own prefix', route('w', '/a'), route('l', '/a/*'), request('/a')],
  ['a literal before a capture', route('w', '/a/*'), route('l', '/{x}/b'), request('/a/b')],
  ['a capture before the rest', route('w', '/a/{x}'), route('l', '/a/*'), request('/a/b')],
  ['the longer prefix before the shorter', route('w', '/a/b/*'), route('l', '/a/*'), request('/a/b/c')],
  [
    'more conditions before fewer',
    route('w', '/a', { headers: [{ name: 'X-A', match: { kind: 'present' } }] }),
    route('l', '/a'),
    request('/a', { headers: { 'x-a': '' } }),
  ],
  ['a method is a condition', route('w', '/a', { methods: ['GET'] }), route('l', '/a'), request('/a')],
];
for (const [rule, winner, loser, asked] of PREFERENCE_ROWS) {
  test(`whichever stands first in the file: ${rule}`, () => {
    assert.equal(nameFor([winner, loser], asked), 'w');
    assert.equal(nameFor([loser, winner], asked), 'w');
  });
}

test('when the more specific route fails by a condition, the search goes back to the others', () => {
  const routes = [
    route('deep', '/a/b/c', { query: [{ name: 'v', match: { kind: 'exact', value: '2' } }] }),
    route('one', '/a/{x}/c', { methods: ['PUT'] }),
    route('all', '/a/*', { headers: [{ name: 'x-a', match: { kind: 'absent' } }] }),
  ];
  assert.equal(nameFor(routes, request('/a/b/c', { query: { v: '2' } })), 'deep');
  assert.equal(nameFor(routes, request('/a/b/c', { method: 'PUT' })), 'one');
  assert.equal(nameFor(routes, request('/a/b/c')), 'all');
  assert.deepEqual(tell(routerOf(routes), request('/a/b/c', { headers: { 'x-a': '1' } })), { kind: 'method-not-allowed', allow: 'PUT' });
});

test('Allow names the methods of every route that fails by the method alone (RFC 9110 10.2.1), HEAD where GET is', () => {
  const routes = [
    route('r', '/a', { methods: ['GET'] }),
    route('s', '/{x}', { methods: ['POST', 'PUT'] }),
    route('t', '/b', { methods: ['DELETE'] }),
  ];
  assert.deepEqual(tell(routerOf(routes), request('/a', { method: 'PATCH' })), {
    kind: 'method-not-allowed',
    allow: 'GET, HEAD, POST, PUT',
  });
  assert.equal(nameFor(routes, request('/a', { method: 'HEAD' })), 'r');
  assert.equal(nameFor(routes, request('/a/b', { method: 'PATCH' })), 'no-route');
});

test('the asterisk-form is taken by /* alone, and no route is found among none', () => {
  assert.equal(nameFor([route('r', '/*'), route('s', '/{x}')], request('*', { method: 'OPTIONS' })), 'r');
  assert.equal(nameFor([route('s', '/{x}')], request('*', { method: 'OPTIONS' })), 'no-route');
  assert.equal(nameFor([], request('/')), 'no-route');
});

test('many literals side by side are told apart', () => {
  const routes = Array.from({ length: 500 }, (_, i) => route(`r${i}`, `/s/service-${i}/*`));
  for (const i of [0, 7, 8, 9, 10, 499]) assert.equal(nameFor(routes, request(`/s/service-${i}/x`)), `r${i}`);
  assert.equal(nameFor(routes, request('/s/service-500/x')), 'no-route');
});

test('captures are given by name, the last * as rest, and an unnamed one has none', () => {
  const router = routerOf([route('r', '/{tenant}/*/items/{id}/*')]);
  const result = router.match(queryOf(request('/t1/x/items/%2F/a/b')));
  assert.ok(result.kind === 'found');
  assert.deepEqual({ ...capturesOf(result) }, { tenant: 't1', id: '%2F', rest: 'a/b' });
});
