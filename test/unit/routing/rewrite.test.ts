import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePattern } from '../../../src/routing/pattern.ts';
import { compileRewrite, type RewriteSource } from '../../../src/routing/rewrite.ts';
import { Router } from '../../../src/routing/router.ts';

function rewritten(path: string, source: RewriteSource, asked: string, queryText = ''): string | undefined {
  const parsed = parsePattern(path);
  assert.ok(parsed.kind === 'ok');
  const compiled = compileRewrite(parsed.pattern, source);
  assert.ok(compiled.kind === 'ok', JSON.stringify(compiled));
  const match = { host: undefined, path, methods: [], headers: [], query: [] };
  const query = { host: '', path: asked, method: 'GET', queryText, field: () => undefined };
  const result = new Router([{ name: 'r', line: 1, priority: 0, match, value: 0 }]).match(query);
  assert.ok(result.kind === 'found');
  return compiled.rewrite?.(result.captures, query);
}
const strip: RewriteSource = { stripPrefix: true, rewritePath: undefined };
const to = (rewritePath: string): RewriteSource => ({ stripPrefix: false, rewritePath });

const ROWS: readonly (readonly [path: string, source: RewriteSource, asked: string, target: string])[] = [
  ['/api/*', strip, '/api/x/y', '/x/y'],
  ['/api/*', strip, '/api/', '/'],
  ['/api/*', strip, '/api', '/'],
  ['/api/{v}/x', strip, '/api/1/x', '/1/x'],
  ['/api', strip, '/api', '/'],
  ['/api/*', to('/v1/{rest}'), '/api/x/y', '/v1/x/y'],
  ['/api/*', to('/v1/{rest}'), '/api/', '/v1/'],
  ['/api/*', to('/v1/{rest}'), '/api', '/v1'],
  ['/api/*', to('/{rest}'), '/api', '/'],
  ['/api/*', to('/v1{rest}'), '/api', '/v1'],
  ['/api/*', to('/fixed'), '/api/x', '/fixed'],
  ['/{a}/{b}', to('/{b}-{a}/x'), '/1/%2F', '/%2F-1/x'],
  ['/*', to('/caf\u00e9/{rest}'), '/', '/caf%C3%A9/'],
  ['/*', to('/x/{rest}'), '*', '*'],
];
for (const [path, source, asked, target] of ROWS) {
  test(`${asked} on ${path} with ${source.rewritePath ?? 'stripPrefix'} is forwarded as ${target}, with its query`, () => {
    assert.equal(rewritten(path, source, asked), target);
    if (asked !== '*') assert.equal(rewritten(path, source, asked, '?a={b}&c=%2F'), `${target}?a={b}&c=%2F`);
  });
}

const BAD_ROWS: readonly (readonly [source: RewriteSource, column: number, message: RegExp])[] = [
  [{ stripPrefix: true, rewritePath: '/x' }, 1, /not both/],
  [to('x'), 1, /begins with \//],
  [to('/x?y'), 3, /the query is kept/],
  [to('/{nope}'), 2, /has \{id\}, \{rest\}/],
  [to('/{id'), 2, /\{ without \}/],
  [to('/x}'), 3, /no meaning/],
  [to('/x/*'), 4, /\{rest\} is what/],
  [to('/{id}/%zz'), 7, /percent-escape/],
];
for (const [source, column, message] of BAD_ROWS) {
  test(`the template ${source.rewritePath} is refused at its column ${column}`, () => {
    const parsed = parsePattern('/{id}/*/x/*');
    assert.ok(parsed.kind === 'ok');
    const compiled = compileRewrite(parsed.pattern, source);
    assert.ok(compiled.kind === 'bad');
    assert.equal(compiled.column, column);
    assert.match(compiled.message, message);
  });
}

test('rewriting the rest onto the same prefix gives every path back', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', '', '%2F')), (segments) => {
      const asked = ['/api', ...segments].join('/');
      assert.equal(rewritten('/api/*', to('/api/{rest}'), asked), asked);
    }),
  );
});
