import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLIGHT, FlightMemory, flightState, nextBucket, PUBLISHED_MASK, SLOT, SLOT_CELLS, WAYS } from '../../../src/shm/flight-cells.ts';
import { Flights } from '../../../src/shm/flights.ts';
import { runKilledAt } from '../../harness/kill-at.ts';
import { overtakeAtEveryStep, runOvertaken } from '../../harness/overtake.ts';
import { realAtomics } from '../../harness/steps.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { faultsOfFlights, oneBucket } from '../../threads/flights-world.ts';

/** One thread stands still at some step while others do something whole. All orders of two or three that all go on: test/threads/flights.test.ts. */

const KEY = 'GET https://example.com/';

type World = { readonly memory: SharedArrayBuffer; readonly a: Flights; readonly b: Flights; readonly c: Flights };

function makeWorld(): World {
  const memory = oneBucket(3);
  const [a, b, c] = [0, 1, 2].map((self) => new Flights(memory, self));
  return { memory, a: a!, b: b!, c: c! };
}

/** All eight places hold flights of other keys that have ended. */
function endAll(flights: Flights): void {
  for (let number = 0; number < WAYS; number += 1) flights.finish(flights.enter(`${KEY}${number}`, 0));
}

test('who has joined a flight that was never published is woken when it is given back', async () => {
  const { memory, a, b, c } = makeWorld();
  endAll(c);
  const { buckets, cells } = new FlightMemory(memory);
  const before = buckets[0]!;
  let told = 0;
  let woken = 0;
  let isJoined = false;
  const ticket = runOvertaken(
    () => a.enter(KEY, 0),
    ({ kind, cells: of, index }) => {
      if (kind === 'notify') woken += 1;
      // Once it has claimed a place, and looks for the key again.
      const isLeading = cells.some((word, at) => at % SLOT_CELLS === SLOT.WORD && flightState(word) === FLIGHT.LEADING);
      if (isJoined || !isLeading || kind !== 'load' || of.length !== 1 || index !== 0) return;
      isJoined = true;
      // One that has read the bucket's word before that place was taken from the flight that had ended there.
      const now = buckets[0]!;
      buckets[0] = before;
      const follow = b.enter(KEY, 0);
      buckets[0] = now;
      assert.equal(follow.kind, 'follow');
      assert.equal(b.look(follow), 'leading');
      assert.ok(b.watch(follow, { onChange: () => (told += 1) }));
      // And a third one is quicker.
      assert.equal(c.enter(KEY, 0).kind, 'lead');
    },
  );
  assert.equal(ticket.kind, 'follow');
  assert.ok(isJoined);
  assert.equal(woken, 1, 'at once, not when it looks again by itself');
  await waitFor('it is told', () => told === 1);
  assert.deepEqual(faultsOfFlights(memory), []);
});

test('two enter, the first overtaken at any step: one leads, the other follows', () => {
  for (const prepare of [() => {}, endAll, (flights: Flights) => flights.finish(flights.enter(KEY, 0))]) {
    overtakeAtEveryStep({
      prepare: () => {
        const world = makeWorld();
        prepare(world.c);
        return { ...world, kinds: [] as string[] };
      },
      act: ({ a, kinds }) => void kinds.push(a.enter(KEY, 0).kind),
      other: ({ b, kinds }) => kinds.push(b.enter(KEY, 0).kind),
      check: ({ memory, kinds }) => {
        assert.deepEqual([...kinds].sort(), ['follow', 'lead']);
        assert.deepEqual(faultsOfFlights(memory), []);
      },
    });
  }
});

test('who is always overtaken goes alone in the end, and leaves nothing behind', () => {
  for (const isOvertaken of [
    // The slot that it wants goes through another flight; or the bucket changes.
    ({ length }: { readonly length: number }) => length > 1,
    ({ length }: { readonly length: number }) => length === 1,
  ]) {
    const { memory, a, b } = makeWorld();
    const { buckets, cells } = new FlightMemory(memory);
    const ticket = runOvertaken(
      () => a.enter(KEY, 0),
      ({ kind, cells: of, index }) => {
        if (kind !== 'swap' || !isOvertaken(of)) return;
        if (of.length === 1) buckets[0] = nextBucket(buckets[0]!, buckets[0]! & PUBLISHED_MASK);
        else realAtomics.add(cells, index, 1 << 12);
      },
    );
    assert.equal(ticket.kind, 'full');
    assert.equal(a.stats(0).overflows, 1);
    assert.equal(b.enter(KEY, 0).kind, 'lead');
    assert.deepEqual(faultsOfFlights(memory), []);
  }
});

test('one whose flight was taken for that of a dead thread leads no more, whatever it does', () => {
  for (const act of ['finish', 'fail', 'abandon', 'stream', 'release'] as const) {
    const { a, b, c } = makeWorld();
    const lead = a.enter(KEY, 0);
    const follow = b.enter(KEY, 0);
    c.recover(0);
    assert.ok(b.takeOver(follow));
    const isDone = act === 'stream' ? a.stream(lead, 1, 1) : act === 'release' ? a.release(lead, 1000) : a[act](lead);
    assert.equal(isDone, false);
    assert.ok(b.isLeading(follow));
    b.finish(follow);
    b.enter(KEY, 0);
    assert.equal(a.isLeading(lead), false, 'nor when the place has its next flight');
  }
});

test('a leader is overtaken at any step of how it ends by one that begins to wait: that one is woken', async () => {
  for (const act of ['finish', 'fail', 'abandon', 'release'] as const) {
    let waiting = 0;
    let told = 0;
    overtakeAtEveryStep({
      prepare: () => {
        const world = makeWorld();
        return { ...world, lead: world.a.enter(KEY, 0), follow: world.b.enter(KEY, 0) };
      },
      act: ({ a, lead }) => (act === 'release' ? a.release(lead, 1000) : a[act](lead)),
      other: ({ b, follow }) => {
        if (b.look(follow) === 'leading' && b.watch(follow, { onChange: () => (told += 1) })) waiting += 1;
      },
      check: ({ b, follow }, isDone) => {
        assert.ok(isDone);
        assert.notEqual(b.look(follow), 'leading');
      },
    });
    await waitFor('all are told', () => told === waiting);
    assert.ok(waiting > 0);
  }
});

test('a mark that has ended makes room before one that has not', () => {
  const { a, b } = makeWorld();
  for (let number = 0; number < WAYS; number += 1) {
    const lead = a.enter(`${KEY}${number}`, 0);
    if (number === 5) a.release(lead, 1000);
    else a.release(lead, 60_000);
  }
  assert.equal(b.enter(KEY, 2000).kind, 'lead');
  assert.equal(b.stats(2000).forgotten, 0);
  assert.equal(b.stats(2000).remembered, WAYS - 1);
});

test('a leader dies at any step, and who mends it is overtaken at any step by a request of the key: nothing is left behind', () => {
  for (const end of ['finish', 'fail', 'release'] as const) {
    for (let step = 1; ; step += 1) {
      const makeDead = () => {
        const world = makeWorld();
        const run = runKilledAt(step, () => {
          const lead = world.a.enter(KEY, 0);
          world.a.stream(lead, 3, 3);
          if (end === 'release') world.a.release(lead, 1000);
          else world.a[end](lead);
        });
        return { ...world, run };
      };
      if (makeDead().run.kind === 'finished') break;
      overtakeAtEveryStep({
        prepare: makeDead,
        act: ({ c }) => c.recover(0),
        other: ({ b }) => {
          const ticket = b.enter(KEY, 0);
          if (ticket.kind === 'lead' || (b.look(ticket) === 'failed' && b.takeOver(ticket))) assert.ok(b.finish(ticket));
        },
        check: ({ memory, b }) => {
          assert.deepEqual(faultsOfFlights(memory), []);
          assert.equal(b.stats(0).leading + b.stats(0).streaming, 0);
        },
      });
    }
  }
});
