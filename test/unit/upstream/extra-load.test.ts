import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createEndpointMemory, type EndpointMemory, WORD } from '../../../src/upstream/endpoint-memory.ts';
import { allowanceFor, EXTRA_KINDS, type ExtraKind, ExtraLoad, ExtraLoadKeeper, MIN_EXTRA } from '../../../src/upstream/extra-load.ts';

const WORKERS = 3;
const memory: EndpointMemory = createEndpointMemory(WORKERS);
let nextSlot = 0;

class World {
  readonly slot = nextSlot++;
  readonly workers = Array.from({ length: WORKERS }, (_, worker) => new ExtraLoad(memory, worker, this.slot));
  readonly keeper: ExtraLoadKeeper;
  nowMs: number;
  firsts = 0;
  taken = 0;

  constructor(share: number, startMs = 1000) {
    this.keeper = new ExtraLoadKeeper(memory, this.slot, share);
    this.nowMs = startMs;
    this.keeper.tick(this.nowMs);
  }

  first(count: number): void {
    for (let i = 0; i < count; i += 1) this.workers[i % WORKERS]!.countFirst();
    this.firsts += count;
  }

  take(kind: ExtraKind, count: number): number {
    let taken = 0;
    for (let i = 0; i < count; i += 1) if (this.workers[i % WORKERS]!.take(kind)) taken += 1;
    this.taken += taken;
    return taken;
  }

  pass(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs = Math.min(end, this.nowMs + 50);
      this.keeper.tick(this.nowMs);
    }
  }
}

describe('extra load', () => {
  test('is a share of first attempts, by whatever worker, and no more', () => {
    const world = new World(0.2);
    world.first(100);
    assert.equal(world.take('retry', 50), MIN_EXTRA, 'as of the last tick');
    world.pass(50);
    assert.equal(world.take('retry', 50), 20 - MIN_EXTRA);
    world.pass(9000);
    assert.equal(world.take('retry', 50), 0);
  });

  test('a quiet upstream has a minimum in each window; with no share there is none', () => {
    const world = new World(0.2);
    assert.equal(world.take('retry', 10), MIN_EXTRA);
    world.pass(9000);
    assert.equal(world.take('retry', 10), 0);
    world.pass(3000);
    assert.equal(world.take('retry', 10), MIN_EXTRA);
    assert.equal(new World(0).take('retry', 10), 0);
  });

  test('kinds that can better be done without leave the rest to those before them', () => {
    const world = new World(0.1);
    world.first(1000);
    world.pass(50);
    assert.equal(world.take('revalidation', 100), 40);
    assert.equal(world.take('mirror', 100), 20);
    assert.equal(world.take('hedge', 100), 20);
    assert.equal(world.take('retry', 100), 20);
    assert.deepEqual(
      EXTRA_KINDS.map((kind) => world.keeper.takenTotal(kind)),
      [20, 20, 20, 40],
    );
    assert.deepEqual(
      EXTRA_KINDS.map((kind) => world.keeper.refusedTotal(kind)),
      [80, 80, 80, 60],
    );
  });

  test('what is long ago neither allows nor counts', () => {
    const world = new World(0.2);
    world.first(100);
    world.pass(50);
    assert.equal(world.take('retry', 50), 20);
    world.pass(11_000);
    assert.equal(world.keeper.used, 0);
    assert.equal(world.keeper.allowance, MIN_EXTRA);
  });

  test('nothing is taken when nobody looks after it any more', () => {
    const world = new World(0.2);
    world.keeper.end();
    assert.equal(world.take('retry', 5), 0);
  });

  for (const rate of [1.5, 10, 200, 5000]) {
    test(`with everything failing at ${rate} requests a second the upstream gets at most its share more`, () => {
      const world = new World(0.2);
      let owed = 0;
      for (let i = 0; i < 1200; i += 1) {
        owed += rate / 20;
        const count = Math.floor(owed);
        owed -= count;
        world.first(count);
        world.take('retry', count);
        world.pass(50);
      }
      assert.ok(world.taken <= 0.2 * world.firsts + (rate < 2 ? MIN_EXTRA : 0), `${world.taken} beside ${world.firsts}`);
      assert.ok(world.taken >= 0.19 * world.firsts - MIN_EXTRA, `${world.taken} beside ${world.firsts}`);
    });
  }

  test('whatever the order of requests, takes and rolls: no more in any window than it allows', () => {
    const step = fc.record({
      what: fc.constantFrom('first', 'take', 'take', 'pass'),
      count: fc.integer({ min: 1, max: 40 }),
      kind: fc.constantFrom(...EXTRA_KINDS),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.constantFrom(0.05, 0.2, 1), (steps, share) => {
        const world = new World(share, 1000);
        const firsts: number[] = [];
        const taken: number[] = [];
        for (const { what, count, kind } of steps) {
          if (what === 'pass') world.pass(count * 50);
          if (what === 'first') firsts.push(...Array<number>(count).fill(world.nowMs));
          if (what === 'first') world.first(count);
          const got = what === 'take' ? world.take(kind, count) : 0;
          taken.push(...Array<number>(got).fill(world.nowMs));
          // The window is at least nine seconds, and begins with a bucket: no longer than ten.
          const within = (times: readonly number[], ms: number): number => times.filter((at) => at > world.nowMs - ms).length;
          if (got > 0) assert.ok(within(taken, 9000) <= allowanceFor(within(firsts, 10_050), share));
        }
        assert.ok(taken.length <= share * firsts.length + MIN_EXTRA * (1 + Math.floor((world.nowMs - 1000) / 9000)));
        nextSlot = world.slot === 4000 ? 0 : nextSlot;
      }),
      { numRuns: 100 },
    );
  });

  test('counts go on over the wrap of their 24 bits and of the epoch', () => {
    const slot = nextSlot++;
    Atomics.store(memory.words, memory.wordAt(slot, WORD.EXTRA), -3);
    const keeper = new ExtraLoadKeeper(memory, slot, 0.2);
    const extra = new ExtraLoad(memory, 0, slot);
    for (let i = 0; i < 100; i += 1) extra.countFirst();
    let nowMs = 0;
    keeper.tick(nowMs);
    for (let i = 0; i < 100; i += 1) extra.countFirst();
    nowMs += 50;
    keeper.tick(nowMs);
    let taken = 0;
    for (let i = 0; i < 50; i += 1) if (extra.take('retry')) taken += 1;
    assert.equal(taken, 20);
    assert.equal(keeper.used, 20);
    for (let i = 0; i < 300; i += 1) keeper.tick(nowMs + i * 1000);
    assert.equal(keeper.used, 0);
  });
});
