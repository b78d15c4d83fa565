import { assert } from '../base/assert.ts';
import { SEED_BYTES } from './keyed-hash.ts';
import { createSeeded, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

export type FlightsSpec = {
  /** How many keys can be in flight or remembered at once: a power of two, at least 8. 36 bytes each. */
  readonly slots: number;
  /** How many threads will open it, 1..128. */
  readonly participants: number;
  /** 16 secret random bytes: the key of the fingerprints, so that nobody outside can make keys collide. */
  readonly seed: Uint8Array;
};

export const DEFAULT_FLIGHT_SLOTS = 8192;
/** Slots of a bucket: a key can only be in the slots of its own bucket. */
export const WAYS = 8;
const MAX_PARTICIPANTS = 128;
const VERSION = 1;

/** int32 cells of a slot. */
export const SLOT_CELLS = 8;
export const SLOT = Object.freeze({
  /** State, leader, generation and whether somebody waits, in one word: see below. */
  WORD: 0,
  /** The key's fingerprint. Written by the slot's claimer alone, before the slot is published. */
  LOW: 1,
  HIGH: 2,
  /** The object that was streamed last, and the generation of its flight + 1. Written by leaders. */
  ENTRY: 3,
  ENTRY_GENERATION: 4,
  ENTRY_OF: 5,
  /** Odd while these three are written (a dead leader may leave it so). What was read is whole when this was even and the same before and after. Wraps. */
  ENTRY_TURN: 7,
  /** How long an uncacheable key is remembered: host time in units of `MARK_UNIT_MS`, uint32. Written by the leader before it releases. */
  UNTIL: 6,
});

/** 2^32 units are 13 years of host time; later than that nothing is remembered. */
export const MARK_UNIT_MS = 100;

/** Cells of the whole table. */
export const FLIGHT_CONTROL = Object.freeze({ OVERFLOWS: 0, FORGOTTEN: 1, CELLS: 16 });

/**
 * States of a slot, the low three bits of its word.
 *
 * ```
 * FREE ──claim──▶ CLAIMED g ──▶ LEADING g ──stream──▶ STREAMING g ──finish──▶ DONE g
 *                     ▲          ▲  │  │ release          │ release
 *          claim by   │ takeOver │  │  └──▶ UNCACHEABLE g ◀┘
 *          another key│          │  └─ fail, death ─▶ FAILED g ◀─ fail, death ─ STREAMING g
 *                     │          └────────────────────────┘
 *   FAILED, DONE, UNCACHEABLE            DONE, UNCACHEABLE (expired) ──enter──▶ LEADING g+1
 * ```
 */
export const FLIGHT = Object.freeze({ FREE: 0, CLAIMED: 1, LEADING: 2, STREAMING: 3, DONE: 4, FAILED: 5, UNCACHEABLE: 6 });

const STATE_MASK = 0x7;
const LEADER_SHIFT = 3;
const LEADER_MASK = 0xff << LEADER_SHIFT;
/** Somebody waits for the word to change: whoever changes it clears the bit and wakes. */
export const WAITED = 0x800;
const GENERATION_ONE = 0x1000;
const GENERATION_SHIFT = 12;

export function flightState(word: number): number {
  return word & STATE_MASK;
}

/** Participant + 1 of the leader; what it was last stays in the word. */
export function leaderIn(word: number): number {
  return (word & LEADER_MASK) >> LEADER_SHIFT;
}

/** 20 bits, wraps. */
export function flightGeneration(word: number): number {
  return word >>> GENERATION_SHIFT;
}

/** The same flight and leader in another state, with nobody waiting. */
export function inState(word: number, state: number): number {
  return (word & ~(STATE_MASK | WAITED)) | state;
}

/** The same flight under another leader (participant + 1), who leads it from now on. */
export function ledBy(word: number, leader: number): number {
  return (word & ~(STATE_MASK | WAITED | LEADER_MASK)) | (leader << LEADER_SHIFT) | FLIGHT.LEADING;
}

/** The next flight of the slot, in a state, with a leader. */
export function nextFlight(word: number, leader: number, state: number): number {
  return ((word & -GENERATION_ONE) + GENERATION_ONE) | (leader << LEADER_SHIFT) | state;
}

/** The word of a bucket: a bit for each published slot, and above them a tag that changes with every change of the bits. */
export const PUBLISHED_MASK = (1 << WAYS) - 1;

export function nextBucket(word: number, published: number): number {
  return ((word & ~PUBLISHED_MASK) + PUBLISHED_MASK + 1) | 0 | published;
}

/** All views of one thread over the memory of a table. No behaviour. */
export class FlightMemory {
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
  readonly participants: number;
  readonly seed: Uint8Array;
  readonly control: Int32Array;
  readonly buckets: Int32Array;
  readonly cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    const [slots = 0, participants = 0] = readDimensions(memory, SEGMENT_KINDS.flights, VERSION);
    const { seed, control, buckets, cells } = planFlights(slots, participants).regions;
    this.memory = memory;
    this.slots = slots;
    this.participants = participants;
    this.seed = new Uint8Array(memory, seed.offset, SEED_BYTES);
    this.control = new Int32Array(memory, control.offset, FLIGHT_CONTROL.CELLS);
    this.buckets = new Int32Array(memory, buckets.offset, slots / WAYS);
    this.cells = new Int32Array(memory, cells.offset, slots * SLOT_CELLS);
  }
}

/** Makes the memory of a table. Called once, by the coordinator. Throws when the spec is out of bounds. */
export function createFlights(spec: FlightsSpec): SharedArrayBuffer {
  assert(spec.slots >= WAYS && spec.slots <= 2 ** 24 && Number.isInteger(Math.log2(spec.slots)), 'slots are a power of two from 8');
  assert(spec.participants >= 1 && spec.participants <= MAX_PARTICIPANTS, `a table has 1 to ${MAX_PARTICIPANTS} participants`);
  return createSeeded(planFlights(spec.slots, spec.participants), spec.seed);
}

function planFlights(slots: number, participants: number): SegmentPlan<'seed' | 'control' | 'buckets' | 'cells'> {
  return planSegment({ kind: SEGMENT_KINDS.flights, version: VERSION, dimensions: [slots, participants] }, [
    ['seed', SEED_BYTES],
    ['control', Math.max(FLIGHT_CONTROL.CELLS * 4, LINE_BYTES)],
    ['buckets', (slots / WAYS) * 4],
    ['cells', slots * SLOT_CELLS * 4],
  ]);
}
