import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeadMemo } from '../../../src/http/head-memo.ts';

const HEADS = ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET / HTTP/1.1\r\nHost: b\r\n\r\n', 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'];

/** The obvious memo: knows a head only if its bytes are those that were stored last. It may know fewer, never others. */
test('it never takes other bytes for those that were stored, wherever they stand in their buffer', () => {
  const text = fc.oneof(fc.constantFrom(...HEADS), fc.string({ maxLength: 60 }), fc.string({ minLength: 2040, maxLength: 2060 }));
  const step = fc.record({
    text,
    before: fc.nat({ max: 5 }),
    after: fc.string({ maxLength: 5 }),
    act: fc.constantFrom('store', 'ask', 'forget'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memo = new HeadMemo();
      let stored: string | undefined;
      for (const { text: head, before, after, act } of steps) {
        const bytes = Buffer.from(' '.repeat(before) + head + after, 'latin1');
        const end = bytes.length;
        if (act === 'forget') {
          memo.forget();
          stored = undefined;
        } else if (act === 'store') {
          memo.store(bytes, before, end - Buffer.byteLength(after, 'latin1'));
          stored = bytes.toString('latin1', before, end - Buffer.byteLength(after, 'latin1'));
        } else if (memo.matches(bytes, before, end)) {
          assert.ok(stored !== undefined && stored !== '');
          assert.equal(memo.length, stored.length);
          assert.equal(bytes.toString('latin1', before, before + memo.length), stored);
        }
        bytes.fill(0);
      }
    }),
    { numRuns: 1000 },
  );
});

test('the same head is known again and again, and also in front of more', () => {
  const memo = new HeadMemo();
  const bytes = Buffer.from(`${HEADS[0]}GET /next`);
  memo.store(bytes, 0, HEADS[0]?.length ?? 0);
  for (let i = 0; i < 3; i++) assert.equal(memo.matches(bytes, 0, bytes.length), true);
  assert.equal(memo.matches(bytes, 0, 10), false, 'not if it is not whole');
});

test('after a head that was not known, the parsed one is another: nothing is known until one is stored', () => {
  const memo = new HeadMemo();
  const [one, two] = HEADS.map((head) => Buffer.from(head));
  assert.ok(one && two);
  memo.store(one, 0, one.length);
  assert.equal(memo.matches(two, 0, two.length), false);
  assert.equal(memo.matches(one, 0, one.length), false);
  memo.store(one, 0, one.length);
  assert.equal(memo.matches(one, 0, one.length), true);
});

test('a head over 2 KiB is not kept, and makes the one before it forgotten', () => {
  const memo = new HeadMemo();
  const small = Buffer.from(HEADS[0] ?? '');
  memo.store(small, 0, small.length);
  memo.store(Buffer.alloc(2049, 97), 0, 2049);
  assert.equal(memo.matches(small, 0, small.length), false);
  const largest = Buffer.alloc(2048, 97);
  memo.store(largest, 0, 2048);
  assert.equal(memo.matches(largest, 0, 2048), true);
});

test('where all heads differ only some are copied, and a run of equal ones is known again', () => {
  const memo = new HeadMemo();
  let stored = 0;
  for (let i = 0; i < 400; i++) {
    const bytes = Buffer.from(`GET /${i} HTTP/1.1\r\n\r\n`);
    assert.equal(memo.matches(bytes, 0, bytes.length), false);
    memo.store(bytes, 0, bytes.length);
    if (memo.length > 0) stored++;
  }
  assert.ok(stored < 80, `${stored} of 400 were copied`);
  const again = Buffer.from(HEADS[0] ?? '');
  let known = 0;
  for (let i = 0; i < 100; i++) {
    if (memo.matches(again, 0, again.length)) known++;
    else memo.store(again, 0, again.length);
  }
  assert.ok(known > 50, `${known} of 100 were known`);
});
