import type { FlightState, Ticket } from '../../../src/shm/flight-ticket.ts';
import { Flights } from '../../../src/shm/flights.ts';
import type { Participant, RunResult, StepCase, StepCases } from '../../harness/steps-case.ts';
import { faultsOfFlights, oneBucket, setGenerations, setTags } from '../flights-world.ts';

/**
 * Requests on several threads, as the exchange rides a flight: enter, look, wait, take over, go alone. In a second memory the
 * leaders of each key are counted: there may never be two.
 */

const KEY = 'GET https://example.com/';
const THREADS = 3;
/** Cells of the second memory: how many lead each key now; how often the origin was asked. */
const LEADERS = 0;
const ASKED = 8;

type Ride = { readonly flights: Flights; readonly cells: Int32Array; readonly self: number; readonly nowMs: number; readonly key: string };
/** What a leader makes of it; the answer is what its request got. */
type Leading = (ride: Ride, ticket: Ticket) => string;

function keyOf(number: number): string {
  return number === 0 ? KEY : `${KEY}${number}`;
}

/** Counts a leader in, runs, counts it out before the flight can be seen to have ended. A dead one is counted out by who mends. */
function leadOnly(ride: Ride, end: () => string): string {
  const cell = LEADERS + (ride.key === KEY ? 0 : 1);
  if (Atomics.add(ride.cells, cell, 1) !== 0) throw new Error(`two lead ${ride.key}`);
  Atomics.add(ride.cells, ASKED + cell, 1);
  Atomics.sub(ride.cells, cell, 1);
  return end();
}

const finishing: Leading = (ride, ticket) =>
  leadOnly(ride, () => {
    const entry = 10 + ride.self;
    if (!ride.flights.stream(ticket, entry, 100 + entry)) return 'lost its lead';
    return ride.flights.finish(ticket) ? `entry ${entry}` : 'lost its lead';
  });
const failing: Leading = (ride, ticket) => leadOnly(ride, () => (ride.flights.fail(ticket) ? 'failed' : 'lost its lead'));
const failingInBody: Leading = (ride, ticket) =>
  leadOnly(ride, () => {
    ride.flights.stream(ticket, 10 + ride.self, 110 + ride.self);
    return ride.flights.fail(ticket) ? 'failed' : 'lost its lead';
  });
const releasing: Leading = (ride, ticket) =>
  leadOnly(ride, () => (ride.flights.release(ticket, ride.nowMs + 60_000) ? 'alone' : 'lost its lead'));
const abandoning: Leading = (ride, ticket) => leadOnly(ride, () => (ride.flights.abandon(ticket) ? 'abandoned' : 'lost its lead'));

/** One request, to its end. */
async function request(ride: Ride, leading: Leading): Promise<string> {
  for (;;) {
    const ticket = ride.flights.enter(ride.key, ride.nowMs);
    if (ticket.kind === 'lead') return leading(ride, ticket);
    if (ticket.kind !== 'follow') return ticket.kind;
    const got = await follow(ride, ticket, leading);
    if (got !== 'over') return got;
  }
}

async function follow(ride: Ride, ticket: Ticket, leading: Leading): Promise<string> {
  for (;;) {
    const state: FlightState = ride.flights.look(ticket);
    if (state === 'streaming' && ticket.entry < 0) throw new Error('it streams, but nobody knows what');
    if (ticket.entry >= 0 && ticket.entryGeneration !== ticket.entry + 100) throw new Error('a torn entry');
    if (state === 'released') return 'alone';
    if (state === 'failed' && ride.flights.takeOver(ticket)) return leading(ride, ticket);
    if (ticket.entry >= 0 && (state === 'streaming' || state === 'done' || state === 'over')) return `entry ${ticket.entry}`;
    if (state === 'over' || state === 'done') return 'over';
    if (state === 'leading') await changed(ride.flights, ticket);
  }
}

function changed(flights: Flights, ticket: Ticket): Promise<void> | undefined {
  const { promise, resolve } = Promise.withResolvers<void>();
  return flights.watch(ticket, { onChange: resolve }) ? promise : undefined;
}

function participant(
  work: (ride: Ride) => unknown,
  options: { readonly key?: number; readonly after?: readonly number[] } = {},
): Participant {
  return {
    after: options.after ?? [],
    prepare: ([memory, counts], { self, nowMs }) => {
      const ride = {
        flights: new Flights(memory!, self),
        cells: new Int32Array(counts!),
        self,
        nowMs: nowMs(),
        key: keyOf(options.key ?? 0),
      };
      return () => work(ride);
    },
  };
}

const asking = (leading: Leading) => (ride: Ride) => request(ride, leading);

/** Mends what participant 0 left, if it died. */
function mending(ride: Ride): number {
  for (let cell = 0; cell < ASKED; cell += 1) Atomics.store(ride.cells, LEADERS + cell, 0);
  return ride.flights.recover(0);
}

type CaseOptions = {
  /** What has happened before. */
  readonly before?: (flights: Flights) => void;
  readonly check?: (result: RunResult, asked: readonly number[]) => readonly string[];
  readonly generation?: number;
};

function flightCase(participants: readonly Participant[], options: CaseOptions = {}): StepCase {
  return {
    create: () => {
      const memory = oneBucket(THREADS);
      if (options.generation !== undefined) {
        setGenerations(memory, options.generation);
        setTags(memory, 2 ** 24 - 1);
      }
      options.before?.(new Flights(memory, 0));
      return [memory, new SharedArrayBuffer(256)];
    },
    participants,
    check: ([memory, counts], result) => {
      const cells = new Int32Array(counts!);
      const waits = result.timeouts === 0 ? [] : ['a wake-up is lost'];
      const lost = result.endings.some((ending) => ending.kind === 'returned' && ending.value === 'lost its lead')
        ? ['a leader lost its lead']
        : [];
      return [...waits, ...lost, ...faultsOfFlights(memory!), ...(options.check?.(result, Array.from(cells.subarray(ASKED))) ?? [])];
    },
  };
}

function valuesOf({ endings }: RunResult): readonly unknown[] {
  return endings.map((ending) => (ending.kind === 'returned' ? ending.value : ending.kind));
}

/** Each got what one of these expressions says, and there were as many questions to the origin as said. */
function expect(values: RegExp, asked?: readonly number[]): NonNullable<CaseOptions['check']> {
  return (result, counts) => {
    const text = valuesOf(result).join();
    const wrong = values.test(text) ? [] : [`ended with ${text}`];
    return asked === undefined || asked.includes(counts[0] ?? 0) ? wrong : [...wrong, `the origin was asked ${counts[0]} times`];
  };
}

/** All eight places hold flights of other keys that have ended. */
function allEnded(flights: Flights): void {
  for (let number = 2; number < 10; number += 1) flights.finish(flights.enter(keyOf(number), 0));
}

/** Seven are in use. */
function oneEnded(flights: Flights): void {
  for (let number = 2; number < 9; number += 1) flights.enter(keyOf(number), 0);
  flights.finish(flights.enter(keyOf(9), 0));
}

function endedBefore(flights: Flights): void {
  flights.finish(flights.enter(KEY, 0));
}

function markedBefore(untilMs: number): (flights: Flights) => void {
  return (flights) => flights.release(flights.enter(KEY, 0), untilMs);
}

export const STEP_CASES: StepCases = {
  // --- who leads ---
  'two enter': flightCase([participant(asking(finishing)), participant(asking(finishing))], { check: expect(/^entry 1[01],entry 1[01]$/) }),
  'two enter after a flight has ended': flightCase([participant(asking(finishing)), participant(asking(finishing))], {
    before: endedBefore,
    check: expect(/^entry 1[01],entry 1[01]$/),
  }),
  'two enter a full bucket of ended flights': flightCase([participant(asking(finishing)), participant(asking(finishing))], {
    before: allEnded,
    check: expect(/^entry 1[01],entry 1[01]$/),
  }),
  'two keys, one place': flightCase([participant(asking(finishing)), participant(asking(finishing), { key: 1 })], {
    before: oneEnded,
    check: expect(/^(entry 10,entry 11|full,entry 11|entry 10,full)$/),
  }),
  'two for one place, one more for the other key': flightCase(
    [participant(asking(finishing)), participant(asking(finishing)), participant(asking(finishing), { key: 1 })],
    { before: oneEnded, check: expect(/^(entry 1[01]|full),(entry 1[01]|full),(entry 12|full)$/) },
  ),
  'one makes room for another key while the next flight of its own begins': flightCase(
    [participant(asking(finishing)), participant(asking(finishing), { key: 1 })],
    {
      before: (flights) => {
        for (let number = 2; number < 9; number += 1) flights.enter(keyOf(number), 0);
        flights.finish(flights.enter(KEY, 0));
      },
      check: expect(/^(entry 10,entry 11|full,entry 11|entry 10,full)$/),
    },
  ),
  'two enter across the wraps': flightCase([participant(asking(finishing)), participant(asking(finishing))], {
    generation: 2 ** 20 - 1,
    check: expect(/^entry 1[01],entry 1[01]$/),
  }),
  'three enter': flightCase(
    [0, 1, 2].map(() => participant(asking(finishing))),
    { check: expect(/^(entry 1[012],?){3}$/) },
  ),

  // --- how it ends ---
  'one fails, the other goes on': flightCase([participant(asking(failing)), participant(asking(finishing))], {
    check: expect(/^(failed|entry 11),entry 11$/, [1, 2]),
  }),
  'one fails, two go on': flightCase([participant(asking(failing)), participant(asking(finishing)), participant(asking(finishing))], {
    check: expect(/^(failed|entry 1[12]),entry 1[12],entry 1[12]$/),
  }),
  'one fails in mid-body, two go on': flightCase(
    [participant(asking(failingInBody)), participant(asking(finishing)), participant(asking(finishing))],
    { check: expect(/^(failed|entry 1[012]),entry 1[012],entry 1[012]$/) },
  ),
  'both fail': flightCase([participant(asking(failing)), participant(asking(failing))], { check: expect(/^failed,failed$/, [2]) }),
  'one may not be shared': flightCase([participant(asking(releasing)), participant(asking(finishing))], {
    check: expect(/^(alone,(alone|uncacheable)|(alone|entry 11),entry 11)$/),
  }),
  'one may not be shared, two wait': flightCase(
    [participant(asking(releasing)), participant(asking(releasing)), participant(asking(releasing))],
    {
      check: expect(/^(alone|uncacheable),(alone|uncacheable),(alone|uncacheable)$/, [1]),
    },
  ),
  'one abandons': flightCase([participant(asking(abandoning)), participant(asking(finishing))], {
    check: expect(/^(abandoned|entry 11),entry 11$/, [1, 2]),
  }),

  // --- marks ---
  'two enter as a mark has ended': flightCase([participant(asking(finishing)), participant(asking(finishing))], {
    before: markedBefore(500),
    check: expect(/^entry 1[01],entry 1[01]$/),
  }),
  'a mark is forgotten while two enter': flightCase(
    [participant((ride) => ride.flights.forget(KEY)), participant(asking(finishing)), participant(asking(finishing))],
    { before: markedBefore(1e6), check: expect(/^,(uncacheable|entry 1[12]),(uncacheable|entry 1[12])$/) },
  ),
  'a mark makes room while another enters': flightCase([participant(asking(finishing)), participant(asking(finishing), { key: 1 })], {
    before: (flights) => {
      for (let number = 2; number < 9; number += 1) flights.enter(keyOf(number), 0);
      markedBefore(1e6)(flights);
    },
    check: expect(/^(uncacheable|full|entry 10),(entry 11|full)$/),
  }),

  // --- death ---
  'a leader dies, one follows, a third mends': flightCase(
    [participant(asking(finishing)), participant(asking(finishing)), participant(mending, { after: [0] })],
    { check: expect(/^(entry 1[01]|killed),entry 1[01],[01]$/) },
  ),
  'one that fails dies, one follows, a third mends': flightCase(
    [participant(asking(failing)), participant(asking(finishing)), participant(mending, { after: [0] })],
    { check: expect(/^(failed|entry 11|killed),entry 11,[01]$/) },
  ),
  'one that releases dies, one follows, a third mends': flightCase(
    [participant(asking(releasing)), participant(asking(finishing)), participant(mending, { after: [0] })],
    { check: expect(/^(alone|entry 11|killed),(entry 11|alone|uncacheable),[01]$/) },
  ),
  'one that makes room dies, one enters, a third mends': flightCase(
    [participant(asking(finishing)), participant(asking(finishing)), participant(mending, { after: [0] })],
    { before: allEnded, check: expect(/^(entry 1[01]|killed),entry 1[01],[01]$/) },
  ),
  'one that goes on for a failed one dies, one waits, a third mends': flightCase(
    [participant(asking(finishing)), participant(asking(finishing)), participant(mending, { after: [0] })],
    {
      before: (flights) => {
        const ticket = flights.enter(KEY, 0);
        flights.stream(ticket, 15, 115);
        flights.fail(ticket);
      },
      check: expect(/^(entry 1[01]|killed),entry 1[01],[01]$/),
    },
  ),
};
