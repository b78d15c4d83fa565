import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { FlightState, Ticket } from '../../../src/shm/flight-ticket.ts';
import { Flights } from '../../../src/shm/flights.ts';
import { faultsOfFlights, oneBucket, setGenerations } from '../../threads/flights-world.ts';

/** The reference: one flight for each key, no table, no generations. */
type ModelFlight = {
  state: Exclude<FlightState, 'over'>;
  leader: Model['tickets'][number] | undefined;
  /** The thread of the leader. */
  thread: number;
  isWaited: boolean;
  entry: number;
  untilMs: number;
};
type ModelTicket = { readonly ticket: Ticket; readonly flight: ModelFlight; readonly key: string; readonly thread: number };

class Model {
  readonly current = new Map<string, ModelFlight>();
  tickets: ModelTicket[] = [];

  enter(key: string, nowMs: number): { readonly kind: Ticket['kind']; readonly flight: ModelFlight } {
    const flight = this.current.get(key);
    if (flight !== undefined && (flight.state === 'leading' || flight.state === 'streaming' || flight.state === 'failed')) {
      return { kind: 'follow', flight };
    }
    if (flight?.state === 'released' && flight.untilMs > nowMs) return { kind: 'uncacheable', flight };
    const next: ModelFlight = { state: 'leading', leader: undefined, thread: -1, isWaited: false, entry: -1, untilMs: 0 };
    this.current.set(key, next);
    return { kind: 'lead', flight: next };
  }

  stateOf({ key, flight }: ModelTicket): FlightState {
    return this.current.get(key) === flight ? flight.state : 'over';
  }

  isLeading(ticket: ModelTicket): boolean {
    const state = this.stateOf(ticket);
    return (state === 'leading' || state === 'streaming') && ticket.flight.leader === ticket;
  }
}

const THREADS = 3;
const KEYS = 8;
/** Units in which marks are kept, so that the model need not round. */
const STEP_MS = 100;

class World {
  readonly memory = oneBucket(THREADS);
  readonly model = new Model();
  readonly threads: readonly Flights[];
  nowMs = 1000;
  entries = 0;

  constructor(generation: number) {
    setGenerations(this.memory, generation);
    this.threads = Array.from({ length: THREADS }, (_, self) => new Flights(this.memory, self));
  }

  enter(thread: number, key: string): void {
    const ticket = this.threads[thread]!.enter(key, this.nowMs);
    const expected = this.model.enter(key, this.nowMs);
    assert.equal(ticket.kind, expected.kind);
    const made: ModelTicket = { ticket, flight: expected.flight, key, thread };
    this.model.tickets.push(made);
    if (expected.kind === 'lead') this.#lead(made);
  }

  lead(made: ModelTicket, act: 'stream' | 'finish' | 'fail' | 'release' | 'abandon'): void {
    const flights = this.threads[made.thread]!;
    const { flight, ticket } = made;
    const isLeading = this.model.isLeading(made);
    this.entries += 1;
    const untilMs = this.nowMs + (this.entries % 4) * STEP_MS;
    const isDone = {
      stream: () => flights.stream(ticket, this.entries, -this.entries),
      finish: () => flights.finish(ticket),
      fail: () => flights.fail(ticket),
      release: () => flights.release(ticket, untilMs),
      abandon: () => flights.abandon(ticket),
    }[act]();
    assert.equal(isDone, isLeading, act);
    if (!isLeading) return;
    if (act === 'stream') Object.assign(flight, { state: 'streaming', entry: this.entries, isWaited: false });
    else if (act === 'finish') flight.state = 'done';
    else if (act === 'release') Object.assign(flight, { state: 'released', untilMs });
    else if (act === 'fail' && (flight.isWaited || flight.entry !== -1)) Object.assign(flight, { state: 'failed', isWaited: false });
    else this.model.current.delete(made.key);
  }

  takeOver(made: ModelTicket): void {
    const canTake = this.model.stateOf(made) === 'failed';
    if (made.ticket.kind === 'uncacheable') return;
    assert.equal(this.threads[made.thread]!.takeOver(made.ticket), canTake);
    if (canTake) this.#lead(made);
  }

  look(made: ModelTicket): void {
    const state = this.threads[made.thread]!.look(made.ticket);
    assert.equal(state, this.model.stateOf(made));
    if (state !== 'over') assert.equal(made.ticket.entry, made.flight.entry);
    else assert.ok(made.ticket.entry === -1 || made.ticket.entry === made.flight.entry);
  }

  watch(made: ModelTicket): void {
    this.look(made);
    if (this.model.stateOf(made) === 'over') return;
    assert.ok(this.threads[made.thread]!.watch(made.ticket, { onChange: () => {} }), 'nothing has changed since the look');
    made.flight.isWaited = true;
  }

  forget(thread: number, key: string): void {
    this.threads[thread]!.forget(key);
    if (this.model.current.get(key)?.state === 'released') this.model.current.delete(key);
  }

  recover(dead: number): void {
    const led = [...this.model.current.values()].filter(
      ({ state, thread }) => thread === dead && (state === 'leading' || state === 'streaming'),
    );
    assert.equal(this.threads[(dead + 1) % THREADS]!.recover(dead), led.length);
    for (const flight of led) Object.assign(flight, { state: 'failed', leader: undefined, isWaited: false });
    // They died with their thread: who has its index next has none of them.
    this.model.tickets = this.model.tickets.filter((made) => made.thread !== dead);
  }

  check(): void {
    assert.deepEqual(faultsOfFlights(this.memory), []);
    const states = [...this.model.current.values()].map(({ state, untilMs }) =>
      state === 'released' && untilMs <= this.nowMs ? '' : state,
    );
    const { leading, streaming, remembered } = this.threads[0]!.stats(this.nowMs);
    const count = (wanted: string) => states.filter((state) => state === wanted).length;
    assert.deepEqual([leading, streaming, remembered], [count('leading'), count('streaming'), count('released')]);
    for (const made of this.model.tickets) assert.equal(this.threads[made.thread]!.isLeading(made.ticket), this.model.isLeading(made));
  }

  #lead(made: ModelTicket): void {
    made.flight.leader = made;
    made.flight.thread = made.thread;
    if (made.flight.state === 'failed') Object.assign(made.flight, { state: 'leading', isWaited: false });
  }
}

type Command = (world: World) => void;

const thread = fc.nat({ max: THREADS - 1 });
const key = fc.nat({ max: KEYS - 1 }).map((at) => `key ${at % 3 === 0 ? 0 : at}`);
const onTicket = (act: (world: World, made: ModelTicket) => void) =>
  fc.nat().map(
    (pick): Command =>
      (world) => {
        const { tickets } = world.model;
        // Mostly of the newest ones: old ones are over.
        const made = tickets[tickets.length - 1 - (pick % Math.min(tickets.length, pick % 5 === 0 ? tickets.length : 6))];
        if (made !== undefined) act(world, made);
      },
  );

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(thread, key).map(
      ([self, text]): Command =>
        (world) =>
          world.enter(self, text),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom('stream', 'finish', 'fail', 'release', 'abandon' as const).chain((act) => {
      return onTicket((world, made) => {
        world.lead(made, act as 'stream');
      });
    }),
  },
  { weight: 3, arbitrary: onTicket((world, made) => world.takeOver(made)) },
  { weight: 3, arbitrary: onTicket((world, made) => world.look(made)) },
  { weight: 3, arbitrary: onTicket((world, made) => world.watch(made)) },
  {
    weight: 1,
    arbitrary: fc.tuple(thread, key).map(
      ([self, text]): Command =>
        (world) =>
          world.forget(self, text),
    ),
  },
  {
    weight: 1,
    arbitrary: thread.map(
      (dead): Command =>
        (world) =>
          world.recover(dead),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 3 }).map(
      (steps): Command =>
        (world) => {
          world.nowMs += steps * STEP_MS;
        },
    ),
  },
);

describe('flights against a plain reference', () => {
  test('whatever three threads do with eight keys, each ticket is what the reference says', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), fc.constantFrom(0, 2 ** 20 - 2), (commands, generation) => {
        const world = new World(generation);
        for (const run of commands) {
          run(world);
          world.check();
        }
        for (const made of world.model.tickets) world.look(made);
      }),
      { numRuns: 400 },
    );
  });

  test('with more keys than room: never two leaders of a key, and full only when all places are in use', () => {
    const many = fc.nat({ max: 30 });
    fc.assert(
      fc.property(fc.array(fc.tuple(thread, many, fc.nat({ max: 5 })), { maxLength: 150 }), (steps) => {
        const memory = oneBucket(THREADS);
        const threads = Array.from({ length: THREADS }, (_, self) => new Flights(memory, self));
        const leads = new Map<number, { readonly flights: Flights; readonly ticket: Ticket }>();
        for (const [self, at, act] of steps) {
          const flights = threads[self]!;
          const led = leads.get(at);
          const ticket = flights.enter(`key ${at}`, 0);
          assert.equal(ticket.kind === 'follow', led !== undefined);
          if (ticket.kind === 'full') assert.equal(leads.size, 8);
          if (ticket.kind === 'lead') leads.set(at, { flights, ticket });
          if (led !== undefined && act > 0) {
            leads.delete(at);
            const { flights: owner, ticket: old } = led;
            assert.ok(act === 1 ? owner.release(old, 1e6) : act === 2 ? owner.fail(old) : owner.finish(old));
          }
          assert.deepEqual(faultsOfFlights(memory), []);
        }
      }),
      { numRuns: 300 },
    );
  });
});
