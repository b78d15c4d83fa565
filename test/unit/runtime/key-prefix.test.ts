import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasKeyPrefix, parseKeyPrefix } from '../../../src/runtime/key-prefix.ts';

test('a prefix is compared with the URL of a key, by either scheme, with or without its host', () => {
  const key = (uri: string): string => `site\nG\n${uri}\n\naccept-language=/img/`;
  const rows: [asked: string, uri: string, holds: boolean][] = [
    ['http://shop.example/img/', 'http://shop.example/img/1', true],
    ['http://shop.example/img/', 'https://shop.example/img/1', true],
    ['http://SHOP.example', 'http://shop.example/', true],
    ['http://shop.example/img/', 'http://shop.example/images', false],
    ['http://shop.example/img', 'http://shop.example.net/img', false],
    ['http://shop.example/img', 'http://a/http://shop.example/img', false],
    ['http://shop.example:8080/', 'http://shop.example:8080/x', true],
    ['http://shop.example/', 'http://shop.example:8080/x', false],
    ['/img/', 'http://any.example/img/1?x=1', true],
    ['/img/', 'http://any.example/a/img/1', false],
    ['/', 'http://any.example/', true],
    ['/img/1?x', 'http://any.example/img/1?x=1', true],
  ];
  for (const [asked, uri, holds] of rows) assert.equal(hasKeyPrefix(key(uri), parseKeyPrefix(asked)), holds, `${asked} ${uri}`);
});
