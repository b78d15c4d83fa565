import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createFlights } from '../../../src/shm/flight-cells.ts';
import type { Ticket } from '../../../src/shm/flight-ticket.ts';
import { Flights } from '../../../src/shm/flights.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { FLIGHTS_SEED, faultsOfFlights, generationOfSlot, oneBucket, setGenerations, setTags } from '../../threads/flights-world.ts';

const KEY = 'GET https://example.com/';

function threads(memory: SharedArrayBuffer, count: number): readonly Flights[] {
  return Array.from({ length: count }, (_, self) => new Flights(memory, self));
}

function three(): { readonly memory: SharedArrayBuffer; readonly a: Flights; readonly b: Flights; readonly c: Flights } {
  const memory = createFlights({ slots: 64, participants: 3, seed: FLIGHTS_SEED });
  const [a, b, c] = threads(memory, 3);
  return { memory, a: a!, b: b!, c: c! };
}

function isTold(flights: Flights, ticket: Ticket): { readonly isIt: () => boolean; readonly accepted: boolean } {
  let told = false;
  const accepted = flights.watch(ticket, {
    onChange() {
      told = true;
    },
  });
  return { isIt: () => told, accepted };
}

describe('a flight', () => {
  test('the first of a key leads, the others follow, on whichever thread', () => {
    const { a, b, memory } = three();
    const lead = a.enter(KEY, 0);
    assert.equal(lead.kind, 'lead');
    for (const flights of [a, b]) {
      const follow = flights.enter(KEY, 0);
      assert.equal(follow.kind, 'follow');
      assert.equal(flights.look(follow), 'leading');
      assert.equal(follow.entry, -1);
    }
    assert.equal(b.enter('another key', 0).kind, 'lead');
    assert.deepEqual(faultsOfFlights(memory), []);
  });

  test('followers are told of the object as it begins to fill, and who comes then joins', async () => {
    const { a, b } = three();
    const lead = a.enter(KEY, 0);
    const follow = b.enter(KEY, 0);
    assert.equal(b.look(follow), 'leading');
    const wait = isTold(b, follow);
    assert.ok(wait.accepted && a.stream(lead, 17, 99));
    await waitFor('the follower is told', wait.isIt);
    const late = b.enter(KEY, 0);
    assert.equal(late.kind, 'follow');
    for (const ticket of [follow, late]) {
      assert.equal(b.look(ticket), 'streaming');
      assert.deepEqual([ticket.entry, ticket.entryGeneration], [17, 99]);
    }
    assert.deepEqual(stateCounts(a), [0, 1, 0]);
  });

  test('once it is finished the next one leads anew, and a late follower still learns where the object was', () => {
    const { a, b, c } = three();
    const lead = a.enter(KEY, 0);
    const follow = b.enter(KEY, 0);
    a.stream(lead, 17, 99);
    assert.ok(a.finish(lead));
    assert.equal(b.look(follow), 'done');
    const next = c.enter(KEY, 0);
    assert.equal(next.kind, 'lead');
    assert.equal(b.look(follow), 'over');
    assert.deepEqual([follow.entry, follow.entryGeneration], [17, 99]);
    c.stream(next, 20, 1);
    assert.equal(b.look(follow), 'over');
    assert.equal(c.look(next), 'streaming');
    assert.deepEqual([next.entry, next.entryGeneration], [20, 1]);
  });

  test('after a failure exactly one of those who wait leads; the others go on waiting', async () => {
    const { a, b, c } = three();
    const lead = a.enter(KEY, 0);
    const followers = [b, b, c, c].map((flights) => ({ flights, ticket: flights.enter(KEY, 0) }));
    for (const { flights, ticket } of followers) flights.look(ticket);
    const waits = followers.map(({ flights, ticket }) => {
      const wait = isTold(flights, ticket);
      if (wait.accepted) return wait;
      // The first who waits has changed the word for the others.
      flights.look(ticket);
      return isTold(flights, ticket);
    });
    assert.ok(a.fail(lead));
    await waitFor('all are told', () => waits.every(({ isIt }) => isIt()));
    assert.deepEqual(
      followers.map(({ flights, ticket }) => flights.look(ticket)),
      ['failed', 'failed', 'failed', 'failed'],
    );
    const winners = followers.filter(({ flights, ticket }) => flights.takeOver(ticket));
    assert.equal(winners.length, 1);
    const [winner] = winners;
    assert.equal(winner!.ticket.kind, 'lead');
    for (const { flights, ticket } of followers) assert.equal(flights.look(ticket), 'leading');
    assert.ok(!a.isLeading(lead) && !a.finish(lead) && !a.fail(lead) && !a.stream(lead, 1, 1) && !a.release(lead, 9));
    assert.ok(winner!.flights.isLeading(winner!.ticket));
  });

  test('a failure for which nobody waits ends the flight', () => {
    const { a, b } = three();
    const lead = a.enter(KEY, 0);
    const follow = b.enter(KEY, 0);
    a.fail(lead);
    assert.equal(b.look(follow), 'over');
    assert.ok(!b.takeOver(follow));
    assert.equal(b.enter(KEY, 0).kind, 'lead');
  });

  test('a failure in mid-body keeps the flight and its partial object for who goes on, also for a newcomer', () => {
    const { a, b } = three();
    const lead = a.enter(KEY, 0);
    a.stream(lead, 17, 99);
    a.fail(lead);
    const newcomer = b.enter(KEY, 0);
    assert.equal(newcomer.kind, 'follow');
    assert.equal(b.look(newcomer), 'failed');
    assert.equal(newcomer.entry, 17);
    assert.ok(b.takeOver(newcomer));
    assert.equal(b.look(newcomer), 'leading');
    assert.equal(newcomer.entry, 17, 'what was shared first is known until something is shared again');
    assert.ok(b.stream(newcomer, 18, 5));
    assert.equal(a.look(lead), 'streaming');
    assert.equal(lead.entry, 18);
    assert.ok(!a.finish(lead), 'the first leader leads no more');
  });

  test('two requests of one thread: what the first gave up is not led by it any more when the second has taken it over', () => {
    const { a, b } = three();
    const first = a.enter(KEY, 0);
    const second = a.enter(KEY, 0);
    const other = b.enter(KEY, 0);
    a.look(second);
    assert.ok(isTold(a, second).accepted);
    assert.ok(a.fail(first));
    assert.ok(a.takeOver(second));
    assert.ok(!a.finish(first) && !a.isLeading(first));
    assert.equal(b.look(other), 'leading');
    assert.ok(a.finish(second));
  });

  test('abandoned: for everybody it is over, and the next one leads', () => {
    const { a, b } = three();
    const lead = a.enter(KEY, 0);
    const follow = b.enter(KEY, 0);
    a.stream(lead, 17, 99);
    assert.ok(a.abandon(lead));
    assert.equal(b.look(follow), 'over');
    assert.equal(b.enter(KEY, 0).kind, 'lead');
  });

  test('a leader whose thread has ended: its flights fail, and a follower takes over', async () => {
    const { a, b, c, memory } = three();
    const leads = ['x', 'y', 'z'].map((key) => a.enter(key, 0));
    a.stream(leads[1]!, 3, 4);
    a.finish(leads[2]!);
    const mine = b.enter('mine', 0);
    const follow = b.enter('x', 0);
    b.look(follow);
    const wait = isTold(b, follow);
    assert.equal(c.recover(0), 2);
    await waitFor('the follower is told', wait.isIt);
    assert.equal(b.look(follow), 'failed');
    assert.ok(b.takeOver(follow));
    assert.ok(b.isLeading(mine), 'flights of the living are as they were');
    assert.equal(c.recover(0), 0);
    assert.deepEqual(faultsOfFlights(memory), []);
  });

  test('one who has enough of waiting is not told', async () => {
    const { a, b } = three();
    const lead = a.enter(KEY, 0);
    const [first, second] = [b.enter(KEY, 0), b.enter(KEY, 0)];
    b.look(first);
    let told = 0;
    const waiter = {
      onChange(): void {
        told += 1;
      },
    };
    assert.ok(b.watch(first, waiter));
    b.look(second);
    const wait = isTold(b, second);
    assert.equal(b.waitersHere(second), 2);
    b.unwatch(first, waiter);
    assert.equal(b.waitersHere(second), 1);
    a.finish(lead);
    await waitFor('the other is told', wait.isIt);
    assert.equal(told, 0);
  });

  test('who watches a flight as it no longer stands is to look again', () => {
    const { a, b } = three();
    const lead = a.enter(KEY, 0);
    const follow = b.enter(KEY, 0);
    b.look(follow);
    a.finish(lead);
    assert.ok(!isTold(b, follow).accepted);
    assert.equal(b.look(follow), 'done');
  });
});

describe('an answer that may not be shared', () => {
  test('all followers go alone at once, and so does who comes until the mark ends; then one leads', () => {
    const { a, b, c } = three();
    const lead = a.enter(KEY, 1000);
    const follow = b.enter(KEY, 1000);
    assert.ok(a.release(lead, 61_000));
    assert.equal(b.look(follow), 'released');
    assert.equal(c.enter(KEY, 1000).kind, 'uncacheable');
    assert.equal(c.enter(KEY, 60_999).kind, 'uncacheable');
    assert.deepEqual(stateCounts(a, 60_999), [0, 0, 1]);
    assert.deepEqual(stateCounts(a, 61_000), [0, 0, 0]);
    assert.equal(c.enter(KEY, 61_000).kind, 'lead');
    assert.equal(b.enter(KEY, 61_000).kind, 'follow');
  });

  test('not remembered: the next one leads', () => {
    const { a, b } = three();
    const lead = a.enter(KEY, 1000);
    a.release(lead, 0);
    assert.equal(b.enter(KEY, 1000).kind, 'lead');
  });

  test('it is forgotten when an answer to the key may be shared', () => {
    const { a, b } = three();
    a.release(a.enter(KEY, 0), 60_000);
    a.release(a.enter('another', 0), 60_000);
    b.forget(KEY);
    b.forget('unknown');
    assert.equal(b.enter(KEY, 0).kind, 'lead');
    b.forget(KEY);
    assert.equal(a.enter(KEY, 0).kind, 'follow', 'a flight is not forgotten');
    assert.equal(b.enter('another', 0).kind, 'uncacheable');
  });

  test('a mark ends later than told by less than its unit of 100 ms', () => {
    const { a } = three();
    a.release(a.enter(KEY, 1000), 1001);
    assert.equal(a.enter(KEY, 1099).kind, 'uncacheable');
    assert.equal(a.enter(KEY, 1100).kind, 'lead');
  });
});

describe('room in the table', () => {
  const keys = Array.from({ length: 30 }, (_, at) => `key ${at}`);

  test('a full bucket sends others alone, counted, until a flight ends; it never fills for good', () => {
    const memory = oneBucket(1);
    const [a] = threads(memory, 1);
    const flights = a!;
    const leads = keys.slice(0, 8).map((key) => flights.enter(key, 0));
    assert.ok(leads.every(({ kind }) => kind === 'lead'));
    assert.equal(flights.enter('more', 0).kind, 'full');
    assert.equal(flights.stats(0).overflows, 1);
    for (const ending of [flights.finish, flights.fail, flights.abandon] as const) {
      ending.call(flights, leads.pop()!);
      const next = flights.enter(`after ${ending.name}`, 0);
      assert.equal(next.kind, 'lead');
      leads.push(next);
      assert.equal(flights.enter('more', 0).kind, 'full');
      leads.push(leads.shift()!);
    }
    flights.release(leads.pop()!, 1e6);
    assert.equal(flights.enter('more', 0).kind, 'lead');
    assert.equal(flights.stats(0).forgotten, 1);
    assert.deepEqual(faultsOfFlights(memory), []);
  });

  test('an ended flight makes room before a mark, of the marks the one that ends first', () => {
    const memory = oneBucket(1);
    const flights = threads(memory, 1)[0]!;
    const marked = keys.slice(0, 7);
    for (const [at, key] of marked.entries()) flights.release(flights.enter(key, 0), 10_000 + ((at * 3) % 7) * 1000);
    flights.finish(flights.enter(keys[7]!, 0));
    flights.enter(keys[8]!, 0);
    assert.equal(flights.stats(0).remembered, 7);
    flights.enter(keys[9]!, 0);
    flights.enter(keys[10]!, 0);
    const left = marked.filter((_, at) => (at * 3) % 7 > 1);
    assert.equal(flights.stats(0).remembered, left.length);
    for (const key of left) assert.equal(flights.enter(key, 9000).kind, 'uncacheable');
    assert.equal(flights.stats(0).forgotten, 2);
  });

  test('a table full of marks goes on to work for other keys', () => {
    const memory = createFlights({ slots: 64, participants: 1, seed: FLIGHTS_SEED });
    const flights = new Flights(memory, 0);
    for (let at = 0; at < 20_000; at += 1) {
      const ticket = flights.enter(`key ${at}`, at);
      assert.equal(ticket.kind, 'lead');
      assert.ok(flights.release(ticket, at + 1e9));
    }
    assert.equal(flights.stats(0).remembered, 64);
    assert.deepEqual(faultsOfFlights(memory), []);
  });

  test('a follower of a flight whose slot went to another key finds it over', () => {
    const memory = oneBucket(1);
    const flights = threads(memory, 1)[0]!;
    const lead = flights.enter('first', 0);
    const follow = flights.enter('first', 0);
    flights.finish(lead);
    for (const key of keys) flights.finish(flights.enter(key, 0));
    assert.equal(flights.look(follow), 'over');
    assert.ok(!flights.takeOver(follow));
    assert.equal(flights.enter('first', 0).kind, 'lead');
  });

  test('who waits for a failed flight is told when its place goes to another key', async () => {
    const memory = oneBucket(2);
    const [a, b] = threads(memory, 2);
    const lead = a!.enter('first', 0);
    const follow = b!.enter('first', 0);
    a!.stream(lead, 1, 1);
    a!.fail(lead);
    assert.equal(b!.look(follow), 'failed');
    const wait = isTold(b!, follow);
    assert.ok(wait.accepted);
    for (const key of keys.slice(0, 8)) assert.equal(a!.enter(key, 0).kind, 'lead');
    await waitFor('the follower is told', wait.isIt);
    assert.equal(b!.look(follow), 'over');
  });

  test('a table out of bounds is refused', () => {
    for (const slots of [0, 4, 12, 2 ** 25]) assert.throws(() => createFlights({ slots, participants: 1, seed: FLIGHTS_SEED }));
    for (const participants of [0, 129]) assert.throws(() => createFlights({ slots: 8, participants, seed: FLIGHTS_SEED }));
    assert.throws(() => createFlights({ slots: 8, participants: 1, seed: new Uint8Array(8) }));
    assert.throws(() => new Flights(oneBucket(2), 2));
  });

  test('the 128th participant leads, fails and dies like any other', () => {
    const memory = oneBucket(128);
    const [last, other] = [new Flights(memory, 127), new Flights(memory, 126)];
    last.enter(KEY, 0);
    assert.equal(other.recover(126), 0);
    assert.equal(other.recover(127), 1);
  });
});

describe('wraps', () => {
  for (const generation of [2 ** 20 - 3, 2 ** 20 - 1, 2 ** 19 - 1]) {
    test(`generations go on over ${generation}`, () => {
      const memory = oneBucket(2);
      setGenerations(memory, generation);
      setTags(memory, 2 ** 24 - 2);
      const [a, b] = threads(memory, 2);
      let old: Ticket | undefined;
      for (let round = 0; round < 6; round += 1) {
        const lead = a!.enter(KEY, 0);
        assert.equal(lead.kind, 'lead');
        assert.equal(lead.generation, (generation + 1 + round) % 2 ** 20);
        assert.equal(generationOfSlot(memory, lead.slot), lead.generation);
        const follow = b!.enter(KEY, 0);
        assert.equal(follow.generation, lead.generation);
        assert.ok(a!.stream(lead, round, round));
        assert.equal(b!.look(follow), 'streaming');
        assert.equal(follow.entry, round);
        if (old !== undefined) assert.equal(b!.look(old), 'over');
        old = follow;
        if (round % 2 === 0) a!.finish(lead);
        else {
          a!.fail(lead);
          assert.ok(b!.takeOver(follow));
          assert.equal(b!.look(follow), 'leading');
          b!.finish(follow);
        }
      }
      for (let at = 0; at < 20; at += 1) assert.equal(b!.enter(`other ${at}`, 0).kind, at < 8 ? 'lead' : 'full');
      assert.deepEqual(faultsOfFlights(memory), []);
    });
  }

  test('marks at the end of their time: after 13 years of uptime keys are not remembered, and nothing else changes', () => {
    const { a } = three();
    const endMs = (2 ** 32 - 1) * 100;
    a.release(a.enter(KEY, endMs - 1000), endMs - 100);
    assert.equal(a.enter(KEY, endMs - 200).kind, 'uncacheable');
    const lead = a.enter(KEY, endMs - 100);
    assert.equal(lead.kind, 'lead');
    a.release(lead, endMs + 60_000);
    assert.equal(a.enter(KEY, endMs - 50).kind, 'uncacheable');
    assert.equal(a.enter(KEY, endMs + 50).kind, 'lead');
    const again = a.enter('another', 1);
    a.release(again, Number.POSITIVE_INFINITY);
    assert.equal(a.enter('another', endMs - 1).kind, 'uncacheable');
  });
});

function stateCounts(flights: Flights, nowMs = 0): readonly number[] {
  const { leading, streaming, remembered } = flights.stats(nowMs);
  return [leading, streaming, remembered];
}
