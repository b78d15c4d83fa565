import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normalisePath } from '../../../src/routing/normalise.ts';
import { parsePattern } from '../../../src/routing/pattern.ts';

const NORMAL_ROWS: readonly (readonly [path: string, normal: string | undefined, why: string])[] = [
  ['/', '/', 'nothing to do'],
  ['*', '*', 'asterisk-form'],
  ['/a/.well-known/..x/x./y..', '/a/.well-known/..x/x./y..', 'dots that are no segments'],
  ['/%61dmin', '/admin', 'RFC 3986 6.2.2.2: an escaped unreserved character'],
  ['/a%2fb%3f', '/a%2Fb%3F', 'RFC 3986 6.2.2.1: escapes in upper case; reserved ones stay'],
  ['/caf\xc3\xa9', '/caf%C3%A9', 'bytes above 127 are escaped'],
  ['/a/../b', '/b', 'RFC 3986 5.2.4'],
  ['/a/%2e%2E/b', '/b', 'escaped dots are dots'],
  ['/a/./b/.', '/a/b/', 'RFC 3986 5.2.4'],
  ['/a/b/..', '/a/', 'RFC 3986 5.2.4'],
  ['/a//b', '/a//b', 'slashes are kept'],
  ['/..', undefined, 'above the root'],
  ['/a/../..', undefined, 'above the root'],
  ['/a//../b', undefined, 'those who merge slashes read something else'],
  ['/a/..%2fb', undefined, 'dots beside an escaped slash'],
  ['/a/%2e%2e%5cb', undefined, 'dots beside an escaped backslash'],
  ['/a/..\\b', undefined, 'dots beside a backslash'],
  ['/a/..;x/b', undefined, 'dots before a path parameter'],
  ['/public/%2F/../admin', undefined, 'up from a segment that is slashes alone to an origin that decodes and merges'],
  ['/public/x%2fy/../admin', undefined, 'up from two segments that look like one'],
  ['/public/\\/../admin', undefined, 'up from a backslash'],
  ['/public/a%5cb/../../admin', undefined, 'up from an escaped backslash'],
  ['/public/;/../admin', undefined, 'up from a segment that is nothing without its parameter'],
  ['/public/;x=1/%2e%2e/admin', undefined, 'the same with escaped dots'],
  ['/public/a;x/../b', '/public/b', 'up from a segment with a parameter'],
  ['/public/%2F/./b', '/public/%2F/b', 'an escaped slash that nobody climbs out of'],
  ['/a;x/b\\c', '/a;x/b\\c', 'a path parameter, a backslash'],
  ['/%', undefined, 'a bad escape'],
  ['/%4', undefined, 'a bad escape'],
  ['/%4g', undefined, 'a bad escape'],
  ['/%00', undefined, 'NUL'],
  ['', undefined, 'no path'],
  ['a', undefined, 'no path'],
];
for (const [path, normal, why] of NORMAL_ROWS) {
  test(`${JSON.stringify(path)} is ${normal === undefined ? 'refused' : JSON.stringify(normal)}: ${why}`, () => {
    assert.equal(normalisePath(path), normal);
  });
}

const pathArbitrary = fc
  .array(fc.constantFrom('a', '.', '..', '%2e', '%2F', '%41', '/', '/', ';', '\\', '%', '\xe9', '~'), { maxLength: 12 })
  .map((parts) => `/${parts.join('')}`);

test('a normal path is its own normal form, and holds no dot segment and no escape of an unreserved character', () => {
  fc.assert(
    fc.property(pathArbitrary, (path) => {
      const normal = normalisePath(path);
      if (normal === undefined) return;
      assert.equal(normalisePath(normal), normal);
      assert.doesNotMatch(normal, /\/\.\.?(\/|$)|%(2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])|%[0-9A-F]?[a-f]/);
    }),
    { numRuns: 20_000 },
  );
});

/** RFC 3986 5.2.4, step by step as it is written there. */
function removeDotSegments(path: string): string {
  let input = path;
  let output = '';
  while (input !== '') {
    if (input.startsWith('/./')) input = input.slice(2);
    else if (input === '/.') input = '/';
    else if (input.startsWith('/../') || input === '/..') {
      input = input === '/..' ? '/' : input.slice(3);
      output = output.slice(0, Math.max(0, output.lastIndexOf('/')));
    } else {
      const end = input.indexOf('/', 1);
      output += end === -1 ? input : input.slice(0, end);
      input = end === -1 ? '' : input.slice(end);
    }
  }
  return output;
}

test('what RFC 3986 5.2.4 makes of a path without escapes, we make of it too, or refuse it', () => {
  const plain = fc.array(fc.constantFrom('a', 'b.', '.', '..', '/', '/', '/'), { maxLength: 12 }).map((parts) => `/${parts.join('')}`);
  fc.assert(
    fc.property(plain, (path) => {
      const normal = normalisePath(path);
      if (normal !== undefined) assert.equal(normal, removeDotSegments(path));
      else assert.match(path, /\/\.\.(\/|$)/);
    }),
    { numRuns: 20_000 },
  );
});

const BAD_ROWS: readonly (readonly [pattern: string, column: number, message: RegExp])[] = [
  ['a', 1, /begins with \//],
  ['/a?b', 3, /cannot be in a path/],
  ['/a b', 3, /cannot be in a path/],
  ['/a/b*', 5, /as a whole/],
  ['/a/x{id}', 5, /as a whole/],
  ['/a/{id', 4, /as a whole/],
  ['/a/{1}', 4, /as a whole/],
  ['/a/**', 4, /as a whole/],
  ['/{id}/{id}', 7, /named twice/],
  ['/{rest}/*', 2, /the last \* is called rest/],
  ['/a/../b', 4, /dot segments/],
  ['/a/%zz', 4, /percent-escape/],
];
for (const [pattern, column, message] of BAD_ROWS) {
  test(`the pattern ${pattern} is refused at its column ${column}`, () => {
    const parsed = parsePattern(pattern);
    assert.ok(parsed.kind === 'bad');
    assert.equal(parsed.column, column);
    assert.match(parsed.message, message);
  });
}

test('a pattern is told by its parts', () => {
  const parsed = parsePattern('/caf\u00e9/%61/{id}/*/*');
  assert.ok(parsed.kind === 'ok');
  assert.deepEqual(parsed.pattern, {
    source: '/caf\u00e9/%61/{id}/*/*',
    segments: [
      { kind: 'literal', text: 'caf%C3%A9' },
      { kind: 'literal', text: 'a' },
      { kind: 'any', name: 'id' },
      { kind: 'any', name: undefined },
    ],
    hasTail: true,
    isExact: false,
    captures: ['id', undefined, 'rest'],
    literalPrefix: '/caf%C3%A9/a',
  });
});
