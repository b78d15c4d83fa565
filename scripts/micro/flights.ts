/**
 * What a flight costs a request, one thread, nothing else at work: ns of CPU time (so that a busy machine blurs it less), the
 * best of a few rounds.
 * Run it with `node scripts/micro/flights.ts`.
 */
import { createFlights, DEFAULT_FLIGHT_SLOTS } from '../../src/shm/flight-cells.ts';
import { Flights } from '../../src/shm/flights.ts';
import { tell } from './told.ts';

const ROUNDS = 9;
const COUNT = 50_000;
const flights = new Flights(createFlights({ slots: DEFAULT_FLIGHT_SLOTS, participants: 4, seed: new Uint8Array(16).fill(7) }), 0);
const keys = Array.from({ length: COUNT }, (_, at) => `route\nGET\nhttp://shop.example.com/api/products/${at}?page=1&sort=name\n`);

function measure(name: string, run: (key: string) => void): void {
  let bestNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = process.cpuUsage();
    for (const key of keys) run(key);
    const used = process.cpuUsage(began);
    bestNs = Math.min(bestNs, ((used.user + used.system) * 1000) / COUNT);
  }
  tell(name, 'ns', bestNs);
  process.stdout.write(`${name.padEnd(60)} ${bestNs.toFixed(0).padStart(7)} ns\n`);
}

const hot = keys[0] ?? '';
measure('a lone miss: enter, finish; another key each time', (key) => {
  flights.finish(flights.enter(key, 1));
});
measure('a lone miss that is shared: enter, stream, finish', (key) => {
  const ticket = flights.enter(key, 1);
  flights.stream(ticket, 1, 1);
  flights.finish(ticket);
});
measure('the same key each time: enter, finish', () => {
  flights.finish(flights.enter(hot, 1));
});
const lead = flights.enter(hot, 1);
measure('a follower: enter, look', () => {
  flights.look(flights.enter(hot, 1));
});
flights.release(lead, Number.POSITIVE_INFINITY);
measure('a key that is remembered as uncacheable: enter', () => {
  flights.enter(hot, 1);
});
