import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNumbers } from '../../../src/base/numbers.ts';
import type { OwnAnswer } from '../../../src/exchange/answers.ts';
import { Caching } from '../../../src/exchange/caching.ts';
import { stamp } from '../../../src/exchange/shared-answer.ts';
import { type Attached, type FlightMember, SharedFlight } from '../../../src/exchange/shared-flight.ts';
import type { SharingPlan } from '../../../src/exchange/sharing-plan.ts';
import { createEpochs, Epochs } from '../../../src/shm/epochs.ts';
import type { FillingObject } from '../../../src/shm/filling-object.ts';
import { createFlights } from '../../../src/shm/flight-cells.ts';
import type { Ticket } from '../../../src/shm/flight-ticket.ts';
import { Flights } from '../../../src/shm/flights.ts';
import { createObjectStore, ObjectStore } from '../../../src/shm/object-store.ts';
import { benchOf, settled } from './exchange-bench.ts';
import { sharingOf } from './sharing-fixture.ts';

const SEED = Buffer.from('seed of the test');
const KEY = '\nD\nkey';
const PARTICIPANTS = 3;

/** Takes down what the flight has it do, and takes whatever it gets. */
class Member implements FlightMember {
  readonly calls: string[] = [];
  isPicky = false;

  send(): void {
    this.calls.push('send');
  }
  refuse({ problem }: OwnAnswer): void {
    this.calls.push(`refuse ${problem}`);
  }
  attach(filling: FillingObject): Attached {
    this.calls.push(`attach ${filling.meta}`);
    filling.unpin();
    return this.isPicky ? 'useless' : 'taken';
  }
  onParked(): void {
    this.calls.push('parked');
  }
}

class Host {
  private readonly store = createObjectStore({ bytes: 4 * 2 ** 20, participants: PARTICIPANTS, seed: SEED });
  private readonly flights = createFlights({ slots: 64, participants: PARTICIPANTS, seed: SEED });
  private readonly epochs = createEpochs(SEED);

  sharing(self: number): SharingPlan {
    const store = new ObjectStore(this.store, self);
    const flights = new Flights(this.flights, self);
    const caching = new Caching({ store, epochs: new Epochs(this.epochs), disk: undefined, flights });
    return sharingOf(caching, true);
  }

  /** A request on worker 1. */
  member(isRepeatable: boolean): { member: Member; flight: SharedFlight } {
    const member = new Member();
    const bench = benchOf();
    return { member, flight: new SharedFlight(bench.exchange, this.sharing(1), { key: KEY, isRepeatable, member }) };
  }
}

/** Has the flight of the ticket share an object. */
function share({ caching, flights }: SharingPlan, ticket: Ticket, meta: string): void {
  const numbers = makeNumbers();
  stamp(numbers, ticket, { hostMs: 0, maxWaitMs: 1e9, sequence: 0 });
  const fill = caching.store.begin({ key: KEY, meta, numbers, expectedBytes: 0 }) ?? assert.fail('there is room');
  fill.publish([]);
  flights.stream(ticket, fill.entry, fill.generation);
}

test('who comes late to a flight whose place another one has taken gets the answer of its own', async () => {
  const host = new Host();
  const leader = host.sharing(0);
  const first = leader.flights.enter(KEY, 0);
  const { member, flight } = host.member(false);
  flight.enter();
  share(leader, first, 'first');
  leader.flights.finish(first);
  const second = leader.flights.enter(KEY, 0);
  assert.equal(second.kind, 'lead');
  share(leader, second, 'second');
  await settled();
  assert.deepEqual(member.calls, ['parked', 'attach first']);
});

test('where there is nothing of its flight, what may run twice enters the next one, and what may not is refused', async () => {
  for (const isRepeatable of [true, false]) {
    const host = new Host();
    const leader = host.sharing(0);
    const first = leader.flights.enter(KEY, 0);
    const { member, flight } = host.member(isRepeatable);
    flight.enter();
    leader.flights.abandon(first);
    const second = leader.flights.enter(KEY, 0);
    share(leader, second, 'second');
    await settled();
    assert.deepEqual(member.calls, ['parked', isRepeatable ? 'attach second' : 'refuse duplicate-not-answered']);
    leader.flights.finish(second);
  }
});

test('who is given nothing that is good for it goes by itself in the end', async () => {
  const host = new Host();
  const leader = host.sharing(0);
  const ticket = leader.flights.enter(KEY, 0);
  const { member, flight } = host.member(true);
  member.isPicky = true;
  flight.enter();
  share(leader, ticket, 'old');
  await settled();
  assert.deepEqual(member.calls, ['parked', 'attach old', 'attach old', 'attach old', 'send']);
  assert.equal(flight.led, null);
});

test('a leader that dies is followed by one of those that may run twice, and by none of the others', async () => {
  for (const isRepeatable of [true, false]) {
    const host = new Host();
    host.sharing(0).flights.enter(KEY, 0);
    const waiting = [host.member(isRepeatable), host.member(isRepeatable)];
    for (const { flight } of waiting) flight.enter();
    host.sharing(2).flights.recover(0);
    await settled();
    const last = waiting.map(({ member }) => member.calls.at(-1));
    assert.deepEqual(last, isRepeatable ? ['send', 'parked'] : Array(2).fill('refuse duplicate-not-answered'));
    const late = host.member(isRepeatable);
    late.flight.enter();
    assert.deepEqual(late.member.calls, isRepeatable ? ['parked'] : ['send']);
    for (const { flight } of [...waiting, late]) flight.close();
  }
});

test('the leader’s end, however it comes, lets nobody wait', async () => {
  const rows: [end: (flight: SharedFlight) => void, repeatable: string, once: string][] = [
    [(flight) => flight.release(), 'send', 'refuse duplicate-not-answered'],
    [(flight) => flight.fail(), 'send', 'refuse duplicate-not-answered'],
    [(flight) => flight.close(), 'send', 'refuse duplicate-not-answered'],
  ];
  for (const [end, repeatable, once] of rows) {
    for (const isRepeatable of [true, false]) {
      const host = new Host();
      const leader = host.member(isRepeatable);
      leader.flight.enter();
      assert.deepEqual([leader.member.calls, leader.flight.led?.kind], [['send'], 'lead']);
      const follower = host.member(isRepeatable);
      follower.flight.enter();
      end(leader.flight);
      await settled();
      assert.equal(follower.member.calls.at(-1), isRepeatable ? repeatable : once);
      follower.flight.close();
    }
  }
});
