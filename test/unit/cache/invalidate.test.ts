import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invalidations } from '../../../src/cache/invalidate.ts';
import { requestHead, responseHead } from './model-cache.ts';

const TARGET = 'http://h.example/d/a?x=1';

function invalidated(status: string, lines: readonly string[], start = 'POST /d/a?x=1', host = 'Host: h.example'): readonly string[] {
  const invalid = invalidations(requestHead(`${start} HTTP/1.1`, host), 'http', responseHead(status, ...lines));
  if (invalid === undefined) return [];
  return [...invalid.uris.map(({ scheme, authority, path, query }) => `${scheme}://${authority}${path}${query}`), ...invalid.groupNames];
}

test('what the answer to an unsafe method invalidates (RFC 9111 4.4, RFC 9875 3)', () => {
  const rows: readonly (readonly [why: string, status: string, lines: readonly string[], expected: readonly string[]])[] = [
    ['the target, after a success', '200 OK', [], [TARGET]],
    ['after 204', '204 No Content', [], [TARGET]],
    ['after a redirect', '303 See Other', [], [TARGET]],
    ['not after an error of the client', '404 Not Found', [], []],
    ['not after an error of the server', '500 Internal Server Error', ['Location: /b'], []],
    ['Location', '201 Created', ['Location: /b?y=2'], [TARGET, 'http://h.example/b?y=2']],
    ['Location, relative', '201 Created', ['Location: b'], [TARGET, 'http://h.example/d/b']],
    ['Location, relative to here', '201 Created', ['Location: ../b/./c'], [TARGET, 'http://h.example/b/c']],
    ['Location, absolute', '201 Created', ['Location: http://h.example:80/b'], [TARGET, 'http://h.example/b']],
    ['Content-Location', '200 OK', ['Content-Location: /c'], [TARGET, 'http://h.example/c']],
    ['both', '200 OK', ['Location: /b', 'Content-Location: /c'], [TARGET, 'http://h.example/b', 'http://h.example/c']],
    ['another origin has no say', '201 Created', ['Location: http://other.example/b'], [TARGET]],
    ['another port neither', '201 Created', ['Location: http://h.example:81/b'], [TARGET]],
    ['nor another scheme', '201 Created', ['Location: https://h.example/b'], [TARGET]],
    ['without fragment', '201 Created', ['Location: /b#top'], [TARGET, 'http://h.example/b']],
    ['no URI', '201 Created', ['Location: http://[x'], [TARGET]],
    ['groups', '200 OK', ['Cache-Group-Invalidation: "a", "b"'], [TARGET, 'g http://h.example a', 'g http://h.example b']],
    ['groups, after an error too', '500 X', ['Cache-Group-Invalidation: "a"'], ['g http://h.example a']],
    ['groups that are no list of strings', '200 OK', ['Cache-Group-Invalidation: a'], [TARGET]],
  ];
  for (const [why, status, lines, expected] of rows) assert.deepEqual(invalidated(status, lines), expected, why);
});

test('the default port is none, and the whole server is no resource', () => {
  assert.deepEqual(invalidated('200 OK', ['Location: /b'], 'PUT /a', 'Host: h.example:80'), [
    'http://h.example:80/a',
    'http://h.example/b',
  ]);
  assert.deepEqual(invalidated('200 OK', [], 'OPTIONS *'), []);
});
