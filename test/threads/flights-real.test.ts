import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hammerFlights } from './flights-hammering.ts';

/** The short form of `scripts/prove/flights.ts`. */
test('threads that die lead and follow: one leader a key, whole bodies, nobody left waiting, nothing left behind', async () => {
  const { counts, faults } = await hammerFlights({ deaths: 8, seed: 5 });
  assert.deepEqual(faults, []);
  for (const [name, count] of Object.entries(counts)) assert.ok(count > 0, `${name}: ${JSON.stringify(counts)}`);
});
