import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { BreakerSettings } from '../../../src/config/breaker-types.ts';
import { Breaker } from '../../../src/upstream/breaker.ts';
import { BREAKER, BreakerCell, PASS, REFUSED, stateOf, successesOf, workerOf } from '../../../src/upstream/breaker-cell.ts';
import { type BreakerChange, BreakerKeeper, rampShare } from '../../../src/upstream/breaker-keeper.ts';
import { createEndpointMemory, FULL_WEIGHT, WORD } from '../../../src/upstream/endpoint-memory.ts';

const SETTINGS: BreakerSettings = {
  failures: 3,
  windowMs: 10_000,
  openForMs: 5000,
  halfOpenProbes: 2,
  errorRate: undefined,
  rampMs: 1000,
  slowMs: 200,
};
const LEASE_MS = 2000;
const SLOT = 7;
const SERVICE = 3;
const WORKERS = 3;
/** Made once: it is large, and a slot can be cleared. */
const memory = createEndpointMemory(WORKERS);

class World {
  readonly settings: BreakerSettings;
  readonly breakers: readonly Breaker[];
  readonly changes: BreakerChange[] = [];
  readonly keeper: BreakerKeeper;
  nowMs: number;

  constructor(change: Partial<BreakerSettings> = {}, startMs = 1_000_000) {
    memory.clearSlot(SLOT);
    memory.clearSlot(SERVICE);
    this.settings = { ...SETTINGS, ...change };
    const at = { slot: SLOT, serviceSlot: SERVICE };
    this.breakers = Array.from({ length: WORKERS }, (_, worker) => new Breaker(memory, { ...at, worker }, this.settings));
    const setShare = (share: number): void => void Atomics.store(memory.words, memory.wordAt(SLOT, WORD.WEIGHT), share);
    const hooks = { onChange: (done: BreakerChange) => this.changes.push(done), setShare };
    this.keeper = new BreakerKeeper(memory, at, { settings: this.settings, leaseMs: LEASE_MS, hooks });
    this.nowMs = startMs;
    this.keeper.tick(this.nowMs);
  }

  of(worker: number): Breaker {
    return this.breakers[worker]!;
  }

  get state(): number {
    return stateOf(this.of(0).word);
  }

  get version(): number {
    return Atomics.load(memory.words, memory.wordAt(SERVICE, WORD.VERSION));
  }

  get weight(): number {
    return Atomics.load(memory.words, memory.wordAt(SLOT, WORD.WEIGHT));
  }

  fail(times: number, ticket = PASS): void {
    for (let i = 0; i < times; i += 1) this.of(i % WORKERS).onFailure(ticket, this.nowMs);
  }

  pass(ms: number, step = 50): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs = Math.min(end, this.nowMs + step);
      this.keeper.tick(this.nowMs);
    }
  }

  open(): void {
    this.fail(this.settings.failures);
    this.keeper.tick(this.nowMs);
  }

  close(): void {
    this.open();
    this.pass(this.settings.openForMs);
    for (let i = 0; i < this.settings.halfOpenProbes; i += 1) this.of(0).onSuccess(this.of(0).admit());
    this.keeper.tick(this.nowMs);
  }
}

describe('a breaker', () => {
  test('opens by failures in a row of all workers together, and tells everybody that picks are others now', () => {
    const world = new World();
    world.fail(2);
    assert.equal(world.state, BREAKER.CLOSED);
    const before = world.version;
    world.fail(1);
    assert.equal(world.state, BREAKER.OPEN);
    assert.ok(world.version > before);
    for (const breaker of world.breakers) assert.equal(breaker.admit(), REFUSED);
    world.keeper.tick(world.nowMs);
    assert.deepEqual(world.changes, [{ to: 'open', cause: 'failures' }]);
  });

  test('begins to count anew after a success, and after the window', () => {
    const world = new World();
    world.fail(2);
    world.of(2).onSuccess(PASS);
    world.fail(2);
    assert.equal(world.state, BREAKER.CLOSED);
    world.nowMs += world.settings.windowMs + 100;
    world.fail(2);
    assert.equal(world.state, BREAKER.CLOSED);
    world.fail(1);
    assert.equal(world.state, BREAKER.OPEN);
  });

  test('is tried again after openFor, by one alone, and says how long that takes', () => {
    const world = new World();
    world.open();
    assert.equal(world.of(1).untilReadyMs(world.nowMs), 5000);
    world.pass(4950);
    assert.equal(world.of(1).untilReadyMs(world.nowMs), 50);
    assert.equal(world.of(1).admit(), REFUSED);
    world.pass(50);
    const tickets = world.breakers.map((breaker) => breaker.admit());
    assert.equal(tickets.filter((ticket) => ticket > 0).length, 1);
    assert.equal(tickets.filter((ticket) => ticket === REFUSED).length, WORKERS - 1);
    assert.equal(world.of(1).untilReadyMs(world.nowMs), 0);
  });

  test('closes after as many probes as are wanted, one after the other', () => {
    const world = new World();
    world.open();
    world.pass(5000);
    world.of(1).onSuccess(world.of(1).admit());
    assert.equal(world.state, BREAKER.READY);
    assert.equal(successesOf(world.of(0).word), 1);
    const ticket = world.of(2).admit();
    assert.equal(workerOf(world.of(0).word), 2);
    assert.equal(world.of(0).admit(), REFUSED);
    world.of(2).onSuccess(ticket);
    assert.equal(world.state, BREAKER.CLOSED);
    world.keeper.tick(world.nowMs);
    assert.deepEqual(
      world.changes.map(({ to }) => to),
      ['open', 'half-open', 'closed'],
    );
    world.fail(2);
    assert.equal(world.state, BREAKER.CLOSED, 'failures from before it was opened do not count');
  });

  test('is open as long again after a probe that failed, also one that was not the first', () => {
    const world = new World();
    world.open();
    world.pass(5000);
    world.of(1).onSuccess(world.of(1).admit());
    world.of(1).onFailure(world.of(1).admit(), world.nowMs);
    assert.equal(world.state, BREAKER.OPEN);
    world.pass(4950);
    assert.equal(world.state, BREAKER.OPEN);
    world.pass(100);
    assert.equal(world.state, BREAKER.READY);
    assert.equal(successesOf(world.of(0).word), 0);
    assert.deepEqual(world.changes.at(-2), { to: 'open', cause: 'probe-failed' });
  });

  test('of a probe that nobody hears of any more it opens, and what that one says later changes nothing', () => {
    const world = new World();
    world.open();
    world.pass(5000);
    const ticket = world.of(1).admit();
    world.pass(LEASE_MS + 50);
    assert.equal(world.state, BREAKER.OPEN);
    assert.deepEqual(world.changes.at(-1), { to: 'open', cause: 'probe-lost' });
    world.of(1).onSuccess(ticket);
    assert.equal(world.state, BREAKER.OPEN);
    world.pass(5000);
    const other = world.of(2).admit();
    world.of(1).onSuccess(ticket);
    assert.equal(world.state, BREAKER.PROBING);
    world.of(2).onFailure(other, world.nowMs);
    assert.equal(world.state, BREAKER.OPEN);
  });

  test('a probe whose client has left says nothing, one that was waited for in vain has failed', () => {
    const world = new World();
    world.open();
    world.pass(5000);
    world.of(1).onAbandoned(world.of(1).admit(), 200);
    assert.equal(world.state, BREAKER.READY);
    world.of(1).onAbandoned(world.of(1).admit(), 1500);
    assert.equal(world.state, BREAKER.OPEN);
  });

  test('the probe of a worker that died is free again, those of others are not', () => {
    const world = new World();
    world.open();
    world.pass(5000);
    world.of(1).admit();
    world.keeper.recover(2);
    assert.equal(world.state, BREAKER.PROBING);
    world.keeper.recover(1);
    assert.equal(world.state, BREAKER.READY);
    assert.ok(world.of(2).admit() > 0);
  });

  test('an answer that is too slow is a failure, as is one of the 500s', () => {
    const breaker = new World().of(0);
    assert.equal(breaker.isFailure(200, 199), false);
    assert.equal(breaker.isFailure(200, 201), true);
    assert.equal(breaker.isFailure(503, 1), true);
    assert.equal(breaker.isFailure(499, 1), false);
    assert.equal(new World({ slowMs: 0 }).of(0).isFailure(200, 60_000), false);
  });

  test('with `failures: 0` no number of failures in a row opens it', () => {
    const world = new World({ failures: 0 });
    world.fail(50);
    assert.equal(world.state, BREAKER.CLOSED);
  });

  test('has a tenth of its share when it closes, and all of it after the ramp', () => {
    const world = new World();
    assert.equal(world.weight, FULL_WEIGHT);
    world.close();
    assert.equal(world.weight, 100);
    world.pass(500);
    assert.equal(world.weight, 550);
    world.pass(500);
    assert.equal(world.weight, FULL_WEIGHT);
    assert.deepEqual(
      [0, 250, 999, 1000].map((ms) => rampShare(ms, 1000)),
      [100, 300, 950, 1000],
    );
  });

  test('without a ramp it has all of its share at once', () => {
    const world = new World({ rampMs: 0 });
    world.close();
    assert.equal(world.weight, FULL_WEIGHT);
  });

  test('of an upstream: after it has closed a growing share of requests passes, evenly spread', () => {
    const world = new World();
    world.close();
    const admitted = (): number => Array.from({ length: 1000 }, () => world.of(1).admitShare()).filter((ticket) => ticket === PASS).length;
    assert.equal(admitted(), 100);
    world.pass(500);
    assert.equal(admitted(), 550);
    world.pass(500);
    assert.equal(admitted(), 1000);
  });

  test('opens by the share of failures where there are enough requests, and forgets what was before it closed', () => {
    const world = new World({ failures: 0, errorRate: { over: 0.5, minRequests: 20 } });
    const calls = (good: number, bad: number): void => {
      for (let i = 0; i < good; i += 1) world.of(i % WORKERS).onSuccess(PASS);
      world.fail(bad);
      world.pass(50);
    };
    calls(9, 10);
    assert.equal(world.state, BREAKER.CLOSED, 'too few');
    calls(1, 0);
    assert.equal(world.state, BREAKER.CLOSED, 'half of them is not more than half');
    calls(0, 1);
    assert.equal(world.state, BREAKER.OPEN);
    assert.deepEqual(world.changes.at(-1), { to: 'open', cause: 'error-rate' });
    world.pass(5000);
    for (let i = 0; i < 2; i += 1) world.of(0).onSuccess(world.of(0).admit());
    calls(0, 19);
    assert.equal(world.state, BREAKER.CLOSED);
    world.pass(world.settings.windowMs + 1000);
    calls(19, 10);
    assert.equal(world.state, BREAKER.CLOSED, 'the 19 are too long ago');
  });

  test('whoever looks after it next begins with what is left of the time', () => {
    const world = new World();
    world.open();
    world.pass(3000);
    const hooks = { onChange: (): void => {}, setShare: (): void => {} };
    const at = { slot: SLOT, serviceSlot: SERVICE };
    const next = new BreakerKeeper(memory, at, { settings: world.settings, leaseMs: LEASE_MS, hooks });
    next.tick(world.nowMs);
    assert.equal(next.state, 'open');
    next.tick(world.nowMs + 1950);
    assert.equal(next.state, 'open');
    next.tick(world.nowMs + 2000);
    assert.equal(next.state, 'half-open');
  });

  test('a change that a dead thread has not told is told by the keeper', () => {
    const world = new World();
    const breakerAt = memory.wordAt(SLOT, WORD.BREAKER);
    const opened = new BreakerCell({ words: memory.words, breaker: breakerAt, run: breakerAt + 2, version: breakerAt + 8 });
    opened.open(world.of(0).word);
    const before = world.version;
    world.keeper.tick(world.nowMs);
    assert.equal(world.version, before + 1);
  });
});

describe('a breaker across wraps', () => {
  // Host time as int32 wraps after 2^31 and 2^32 ms, the time of a run after 2^28.
  for (const wrapMs of [2 ** 28, 2 ** 31, 2 ** 32, 3 * 2 ** 31]) {
    test(`of the clock at ${wrapMs} ms`, () => {
      const world = new World({}, wrapMs - 1500);
      world.fail(2);
      world.pass(2000);
      world.fail(1);
      assert.equal(world.state, BREAKER.OPEN, 'a run goes on over the wrap');
      world.keeper.tick(world.nowMs);
      assert.equal(world.of(0).untilReadyMs(world.nowMs), 5000);
      world.pass(5000);
      assert.equal(world.state, BREAKER.READY);
      const late = new World({}, wrapMs - 1500);
      late.open();
      assert.equal(late.of(0).untilReadyMs(late.nowMs), 5000);
      late.pass(4950);
      assert.equal(late.state, BREAKER.OPEN);
      late.pass(50);
      assert.equal(late.state, BREAKER.READY);
    });
  }

  test('of the generation', () => {
    const world = new World();
    const at = memory.wordAt(SLOT, WORD.BREAKER);
    Atomics.store(memory.words, at, 0x3fffe << 14);
    for (let i = 0; i < 3; i += 1) {
      world.open();
      assert.equal(world.state, BREAKER.OPEN);
      world.pass(5000);
      for (let probe = 0; probe < 2; probe += 1) {
        const ticket = world.of(1).admit();
        assert.ok(ticket > 0);
        world.of(1).onSuccess(ticket);
      }
      assert.equal(world.state, BREAKER.CLOSED);
      world.pass(50);
    }
  });

  test('a clock that is behind counts as if no time had passed', () => {
    const world = new World();
    world.of(0).onFailure(PASS, world.nowMs);
    world.of(1).onFailure(PASS, world.nowMs - 300);
    world.of(2).onFailure(PASS, world.nowMs - 5000);
    assert.equal(world.state, BREAKER.OPEN);
  });
});

/** What the reference is: the same words without threads, in a few lines. */
type Model = { state: 'closed' | 'open' | 'ready' | 'probing'; run: number; sinceMs: number; successes: number; by: number };

describe('a breaker beside a model', () => {
  test('whatever workers do in whatever order, at most one has a probe and states are as the model says', () => {
    const step = fc.record({
      worker: fc.nat(WORKERS - 1),
      what: fc.constantFrom('admit', 'good', 'bad', 'leave', 'die', 'tick', 'tick', 'wait'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const world = new World({ failures: 2, windowMs: 1_000_000, openForMs: 300 });
        const model: Model = { state: 'closed', run: 0, sinceMs: 0, successes: 0, by: -1 };
        const held = new Map<number, number>();
        for (const { worker, what } of steps) {
          runStep({ world, model, held, worker, what });
          assert.equal(['closed', 'open', 'ready', 'probing'][world.state], model.state);
          assert.ok(held.size <= 1);
        }
      }),
      { numRuns: 300 },
    );
  });
});

type Step = {
  readonly world: World;
  readonly model: Model;
  readonly held: Map<number, number>;
  readonly worker: number;
  readonly what: string;
};

function runStep(step: Step): void {
  const { world, model, held, worker, what } = step;
  const breaker = world.of(worker);
  const ticket = held.get(worker) ?? PASS;
  if (what === 'admit' && !held.has(worker)) {
    const got = breaker.admit();
    assert.equal(got === PASS, model.state === 'closed');
    assert.equal(got > 0, model.state === 'ready');
    if (got > 0) held.set(worker, got);
    if (got > 0) Object.assign(model, { state: 'probing', by: worker });
    return;
  }
  if (what === 'good') breaker.onSuccess(ticket);
  if (what === 'bad') breaker.onFailure(ticket, world.nowMs);
  if (what === 'leave' && ticket !== PASS) breaker.onAbandoned(ticket, 0);
  if (what === 'die') world.keeper.recover(worker);
  if (what === 'wait') world.pass(350);
  if (what === 'tick') world.pass(50);
  if (['good', 'bad', 'leave', 'die'].includes(what)) held.delete(worker);
  if (what === 'wait' || what === 'tick') passModel(model, world.nowMs);
  else if (ticket !== PASS) endProbe(model, what, world.nowMs);
  else if (what === 'good') model.run = 0;
  else if (what === 'bad' && model.state === 'closed' && ++model.run >= 2) Object.assign(model, { state: 'open', sinceMs: world.nowMs });
}

function passModel(model: Model, nowMs: number): void {
  // The keeper sees a change at its first tick after it, so a worker's opening lasts up to a tick longer.
  if (model.state === 'open' && nowMs - model.sinceMs >= 300 + 50) Object.assign(model, { state: 'ready', successes: 0 });
}

function endProbe(model: Model, what: string, nowMs: number): void {
  if (what === 'bad') Object.assign(model, { state: 'open', sinceMs: nowMs, run: 0 });
  if (what === 'leave' || what === 'die') model.state = 'ready';
  if (what !== 'good') return;
  model.successes += 1;
  if (model.successes >= 2) Object.assign(model, { state: 'closed', run: 0 });
  else model.state = 'ready';
}
