import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMeta, encodeMeta, epochNames, type StoredMeta } from '../../../src/cache/stored.ts';

const value = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
});
const named = value.filter((text) => text !== '');
const meta: fc.Arbitrary<StoredMeta> = fc.record({
  uri: value,
  vary: fc.array(fc.tuple(named, value), { maxLength: 4 }).map((pairs) => pairs.flat()),
  tags: fc.array(named, { maxLength: 4 }),
  groups: fc.array(named, { maxLength: 4 }),
  entityTag: value,
  lastModified: value,
  noVarySearch: value,
  head: fc.array(value).map((lines) => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`),
});

test('what is written is read again, whatever vetted text it is', () => {
  fc.assert(fc.property(meta, (one) => assert.deepEqual(decodeMeta(encodeMeta(one)), { ...one })));
});

test('another version, or half a text, is not read', () => {
  fc.assert(
    fc.property(meta, (one) => {
      const text = encodeMeta(one);
      assert.equal(decodeMeta(text.replace('sluice 1', 'sluice 0')), undefined);
      assert.equal(decodeMeta(text.slice(0, text.indexOf('HTTP/1.1 ') - 1)), undefined);
    }),
  );
  assert.equal(decodeMeta(''), undefined);
});

test('the URL comes first among the names of the epochs', () => {
  fc.assert(
    fc.property(meta, (one) => {
      const names = epochNames({ ...one, noVarySearch: '' });
      assert.equal(names[0], one.uri);
      assert.equal(names.length, 1 + one.tags.length + one.groups.length);
    }),
  );
});
