import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UwsRequest } from '../../../src/edge/uws-addon.ts';
import { addressText, headText, wireText, withoutDate } from '../../../src/edge/uws-text.ts';

/** A request as the addon gives it: `bytes` are decoded from UTF-8. */
function request(target: readonly [url: string, query?: string], fields: readonly (readonly [string, string])[]): UwsRequest {
  return {
    getCaseSensitiveMethod: () => 'GET',
    getUrl: () => target[0],
    getQuery: () => target[1],
    getHeader: (name) => fields.find(([key]) => key === name)?.[1] ?? '',
    forEach: (each) => {
      for (const [name, value] of fields) each(name, value);
    },
  };
}

test('a head is put together again, repeated fields and an empty query too', () => {
  assert.equal(
    headText(
      request(
        ['/a', ''],
        [
          ['host', 'b'],
          ['x', '1'],
          ['x', '2'],
        ],
      ),
    ),
    'GET /a? HTTP/1.1\r\nhost: b\r\nx: 1\r\nx: 2\r\n\r\n',
  );
  assert.equal(headText(request(['/a'], [['host', 'b']])), 'GET /a HTTP/1.1\r\nhost: b\r\n\r\n');
});

test('UTF-8 becomes its bytes again; what was not UTF-8 is told', () => {
  assert.equal(headText(request(['/a'], [['x', 'ä']])), 'GET /a HTTP/1.1\r\nx: \xc3\xa4\r\n\r\n');
  assert.equal(headText(request(['/a'], [['x', '\ufffd']])), undefined);
});

test('text goes out byte for byte', () => {
  assert.equal(wireText('plain'), 'plain');
  assert.deepEqual(wireText('l\xe4'), Buffer.from([0x6c, 0xe4]));
});

test('Date is left out wherever it stands, and nothing else', () => {
  for (const date of ['Date: x\r\n', 'date: x\r\n', 'DATE:x\r\n']) {
    assert.equal(withoutDate(`${date}A: 1\r\nB: 2\r\n`), 'A: 1\r\nB: 2\r\n');
    assert.equal(withoutDate(`A: 1\r\n${date}B: 2\r\n`), 'A: 1\r\nB: 2\r\n');
    assert.equal(withoutDate(`A: 1\r\nB: 2\r\n${date}`), 'A: 1\r\nB: 2\r\n');
  }
  assert.equal(withoutDate('X-Date: 1\r\nUpdate: Date: 2\r\n'), 'X-Date: 1\r\nUpdate: Date: 2\r\n');
  assert.equal(withoutDate(''), '');
});

test('addresses are written as people write them', () => {
  const rows: readonly (readonly [readonly number[], string])[] = [
    [[127, 0, 0, 1], '127.0.0.1'],
    [[255, 255, 255, 255], '255.255.255.255'],
    [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1], '10.0.0.1'],
    [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], '::1'],
    [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], '::'],
    [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], '2001:db8:0:1::1'],
    [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1], '2001:db8:0:1:1:1:1:1'],
    [[], ''],
  ];
  for (const [bytes, text] of rows) assert.equal(addressText(new Uint8Array(bytes).buffer), text);
});
