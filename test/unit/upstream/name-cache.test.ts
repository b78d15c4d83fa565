import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { test } from 'node:test';
import { MAX_NAMES, NameCache } from '../../../src/upstream/name-cache.ts';

const LIMIT_MS = 3_000;
const at = (...ends: readonly number[]): LookupAddress[] => ends.map((end) => ({ address: `10.0.0.${end}`, family: 4 }));

type Asked = { readonly host: string; readonly answer: (addresses: LookupAddress[]) => void; readonly fail: (code: string) => void };

/** A name server that answers when it is told to, and a clock that is moved. */
class World {
  nowMs = 1_000_000;
  readonly asked: Asked[] = [];
  readonly names = new NameCache(
    (host, done) =>
      this.asked.push({
        host,
        answer: (addresses) => done(null, addresses),
        fail: (code) => done(Object.assign(new Error(code), { code }), []),
      }),
    () => this.nowMs,
  );

  /** Where the answer goes; 'waits' as long as there is none. */
  ask(host = 'a'): { text: string } {
    const heard = { text: 'waits' };
    this.names.ask(host, LIMIT_MS, (error, addresses) => {
      assert.equal(heard.text, 'waits', 'it is told once');
      heard.text = error === null ? addresses.map(({ address }) => address.slice(7)).join() : String(error.code);
    });
    return heard;
  }
}

test('a name is asked for once, whoever waits, and then not for five seconds', () => {
  const world = new World();
  const waiting = [world.ask(), world.ask(), world.ask()];
  assert.equal(world.asked.length, 1);
  world.asked[0]?.answer(at(1));
  assert.deepEqual(
    waiting.map(({ text }) => text),
    ['1', '1', '1'],
  );
  world.nowMs += 4_999;
  assert.equal(world.ask().text, '1');
  assert.equal(world.asked.length, 1);
});

test('an old answer is used while one lookup is under way for a newer one, and no longer than a minute', () => {
  const world = new World();
  world.ask();
  world.asked[0]?.answer(at(1));
  world.nowMs += 5_000;
  for (let i = 0; i < 3; i++) assert.equal(world.ask().text, '1');
  assert.equal(world.asked.length, 2);
  world.asked[1]?.answer(at(2));
  assert.equal(world.ask().text, '2');
  world.nowMs += 60_000;
  assert.equal(world.ask().text, 'waits');
  assert.equal(world.asked.length, 3);
});

test('an answer outlives failures of those that would refresh it, each a second apart', () => {
  const world = new World();
  world.ask();
  world.asked[0]?.answer(at(1));
  for (let second = 5; second < 60; second++) {
    world.nowMs = 1_000_000 + second * 1_000;
    for (let i = 0; i < 3; i++) assert.equal(world.ask().text, '1');
    world.asked.at(-1)?.fail('EAI_AGAIN');
  }
  assert.equal(world.asked.length, 56);
  world.nowMs += 1_000;
  const last = world.ask();
  world.asked.at(-1)?.fail('ENOTFOUND');
  assert.equal(last.text, 'ENOTFOUND');
});

test('a failure is told to all, and for a second to those who come', () => {
  const world = new World();
  const first = [world.ask(), world.ask()];
  world.asked[0]?.fail('ENOTFOUND');
  assert.deepEqual(
    first.map(({ text }) => text),
    ['ENOTFOUND', 'ENOTFOUND'],
  );
  world.nowMs += 999;
  assert.equal(world.ask().text, 'ENOTFOUND');
  assert.equal(world.asked.length, 1);
  world.nowMs += 1;
  assert.equal(world.ask().text, 'waits');
  assert.equal(world.asked.length, 2);
});

test('an answer without addresses is a failure', () => {
  const world = new World();
  const first = world.ask();
  world.asked[0]?.answer([]);
  assert.equal(first.text, 'EAI_AGAIN');
});

test('a name server that does not answer is asked once, and who comes after the limit is told at once', () => {
  const world = new World();
  const early = world.ask();
  world.nowMs += LIMIT_MS;
  for (let i = 0; i < 100; i++) assert.equal(world.ask().text, 'EAI_AGAIN');
  assert.equal(world.asked.length, 1);
  world.asked[0]?.answer(at(1));
  assert.equal(early.text, '1');
  assert.equal(world.ask().text, '1');
});

test('addresses take turns within the family that comes first, the other one stays behind', () => {
  const world = new World();
  world.ask();
  world.asked[0]?.answer([...at(1, 2, 3), { address: '::10.0.0.9', family: 6 }]);
  const orders = Array.from({ length: 4 }, () => world.ask().text.split(',').slice(0, 3).join(''));
  assert.deepEqual(orders, ['231', '312', '123', '231']);
});

test('names are bounded, and one that goes while it is looked up is answered all the same', () => {
  const world = new World();
  const first = world.ask('first');
  for (let i = 0; i < 2 * MAX_NAMES; i++) world.ask(`n${i}`);
  assert.equal(world.names.names, MAX_NAMES);
  world.asked[0]?.answer(at(7));
  assert.equal(first.text, '7');
});
