import {
  createFlights,
  FLIGHT,
  FlightMemory,
  flightGeneration,
  flightState,
  inState,
  nextFlight,
  SLOT,
  SLOT_CELLS,
  WAYS,
} from '../../src/shm/flight-cells.ts';

export const FLIGHTS_SEED = Uint8Array.from({ length: 16 }, (_, at) => at * 7 + 1);

/** One bucket: every key is in it. */
export function oneBucket(participants: number): SharedArrayBuffer {
  return createFlights({ slots: WAYS, participants, seed: FLIGHTS_SEED });
}

/** Everything that is wrong with a table that nobody works on; empty when all invariants hold. */
export function faultsOfFlights(memory: SharedArrayBuffer): readonly string[] {
  const { slots, buckets, cells } = new FlightMemory(memory);
  const faults: string[] = [];
  const published = new Map<string, number>();
  for (let slot = 0; slot < slots; slot += 1) {
    const [word = 0, low = 0, high = 0] = cells.subarray(slot * SLOT_CELLS);
    const state = flightState(word);
    const bucket = Math.floor(slot / WAYS);
    const isPublished = ((buckets[bucket] ?? 0) & (1 << (slot % WAYS))) !== 0;
    if (state === FLIGHT.CLAIMED) faults.push(`slot ${slot} is left claimed`);
    if (isPublished !== (state !== FLIGHT.FREE)) faults.push(`slot ${slot} in state ${state} is ${isPublished ? '' : 'not '}published`);
    if (!isPublished) continue;
    if ((low & (buckets.length - 1)) !== bucket) faults.push(`slot ${slot} is in another key's bucket`);
    const other = published.get(`${low}:${high}`);
    if (other !== undefined) faults.push(`slots ${other} and ${slot} are of the same key`);
    published.set(`${low}:${high}`, slot);
  }
  return faults;
}

/** Sets all generations of a table in which nothing has happened yet (to near their wrap). */
export function setGenerations(memory: SharedArrayBuffer, generation: number): void {
  const { slots, cells } = new FlightMemory(memory);
  for (let slot = 0; slot < slots; slot += 1) {
    cells[slot * SLOT_CELLS + SLOT.WORD] = inState(nextFlight(((generation - 1) << 12) | 0, 0, 0), FLIGHT.FREE);
  }
}

/** Sets the tags of all buckets, of which nothing is published yet. */
export function setTags(memory: SharedArrayBuffer, tag: number): void {
  new FlightMemory(memory).buckets.fill(tag << WAYS);
}

export function generationOfSlot(memory: SharedArrayBuffer, slot: number): number {
  return flightGeneration(new FlightMemory(memory).cells[slot * SLOT_CELLS] ?? 0);
}
