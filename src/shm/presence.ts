import { assert } from '../base/assert.ts';
import { itemAt } from '../base/elements.ts';
import { PresenceCells } from './presence-cells.ts';
import { createSegment, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

const VERSION = 1;
const CELL_STATE = 0;
const CELL_HAS_VOIDED = 1;
const CELL_DROPPED = 2;
const CONTROL_BYTES = LINE_BYTES;
const QUEUE_STRIDE = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;
const SEED_BYTES = 16;
const STATS = 16;

/**
 * `loading`: nothing is known yet, so everything is worth asking for. `exact`: what is not held is not there, and nobody else
 * writes. `shared`: another process writes too, so what is not held may be there. `off`: nothing can be had.
 */
export const PRESENCE_STATES = ['loading', 'exact', 'shared', 'off'] as const;
export type PresenceState = (typeof PRESENCE_STATES)[number];

export type PresenceSpec = {
  /** Powers of two. */
  readonly keySlots: number;
  readonly nameSlots: number;
  readonly participants: number;
  /** 16 bytes: the key of the hashes, the same as long as what is held under them. */
  readonly seed: Uint8Array;
};

/**
 * What all threads know of a slower store that one thread holds: which keys and names it may have, so that a cold miss costs
 * one load, and how much is on its way to it.
 *
 * Invariants (those of the tables are in `presence-cells.ts`)
 * - State and figures are written by the holding thread (state `off` also by the coordinator after that thread has ended).
 * - A queue cell counts what one participant has sent and the holding thread has not dealt with: the participant adds, the
 *   holding thread subtracts. A participant that takes a dead one's index begins with `resetQueue`, before it sends anything.
 */
export class Presence {
  readonly memory: SharedArrayBuffer;
  readonly keys: PresenceCells;
  readonly names: PresenceCells;
  readonly seed: Uint8Array;
  /** Figures of the holding thread, which alone writes them; what each means is its own business. */
  readonly figures: Float64Array;
  readonly #control: Int32Array;
  readonly #queues: Int32Array;
  readonly #participants: number;

  constructor(memory: SharedArrayBuffer) {
    const [keySlots = 0, nameSlots = 0, participants = 0] = readDimensions(memory, SEGMENT_KINDS.presence, VERSION);
    const { control, queues, seed, figures, keys, names } = planPresence(keySlots, nameSlots, participants).regions;
    this.memory = memory;
    this.keys = new PresenceCells(new Uint16Array(memory, keys.offset, keySlots));
    this.names = new PresenceCells(new Uint16Array(memory, names.offset, nameSlots));
    this.seed = new Uint8Array(memory, seed.offset, SEED_BYTES);
    this.figures = new Float64Array(memory, figures.offset, STATS);
    this.#control = new Int32Array(memory, control.offset, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#queues = new Int32Array(memory, queues.offset, queues.bytes / Int32Array.BYTES_PER_ELEMENT);
    this.#participants = participants;
  }

  get state(): PresenceState {
    return itemAt(PRESENCE_STATES, Atomics.load(this.#control, CELL_STATE));
  }

  set state(state: PresenceState) {
    Atomics.store(this.#control, CELL_STATE, PRESENCE_STATES.indexOf(state));
  }

  /** True: room for one more of this participant, which is counted now. */
  enqueue(participant: number, max: number): boolean {
    const cell = this.#queueCell(participant);
    if (Atomics.load(this.#queues, cell) >= max) return false;
    Atomics.add(this.#queues, cell, 1);
    return true;
  }

  dequeue(participant: number): void {
    Atomics.sub(this.#queues, this.#queueCell(participant), 1);
  }

  resetQueue(participant: number): void {
    Atomics.store(this.#queues, this.#queueCell(participant), 0);
  }

  queued(participant: number): number {
    return Atomics.load(this.#queues, this.#queueCell(participant));
  }

  /** Some slot was voided: the holding thread looks for it. */
  tellVoided(): void {
    Atomics.store(this.#control, CELL_HAS_VOIDED, 1);
  }

  /** Ask before looking, so that one voided during the look is found by the next. */
  takeVoided(): boolean {
    return Atomics.exchange(this.#control, CELL_HAS_VOIDED, 0) === 1;
  }

  countDropped(): void {
    Atomics.add(this.#control, CELL_DROPPED, 1);
  }

  /** Wraps at 2^32. */
  get dropped(): number {
    return Atomics.load(this.#control, CELL_DROPPED) >>> 0;
  }

  #queueCell(participant: number): number {
    assert(participant >= 0 && participant < this.#participants, `participant ${participant} is one of ${this.#participants}`);
    return participant * QUEUE_STRIDE;
  }
}

/** Makes the memory, state `loading`. Called by the coordinator, once for each thread that holds a store. */
export function createPresence({ keySlots, nameSlots, participants, seed }: PresenceSpec): Presence {
  const presence = new Presence(createSegment(planPresence(keySlots, nameSlots, participants)));
  presence.seed.set(seed.subarray(0, SEED_BYTES));
  return presence;
}

function planPresence(
  keySlots: number,
  nameSlots: number,
  participants: number,
): SegmentPlan<'control' | 'queues' | 'seed' | 'figures' | 'keys' | 'names'> {
  const identity = { kind: SEGMENT_KINDS.presence, version: VERSION, dimensions: [keySlots, nameSlots, participants] };
  return planSegment(identity, [
    ['control', CONTROL_BYTES],
    ['queues', participants * LINE_BYTES],
    ['seed', SEED_BYTES],
    ['figures', STATS * Float64Array.BYTES_PER_ELEMENT],
    ['keys', keySlots * Uint16Array.BYTES_PER_ELEMENT],
    ['names', nameSlots * Uint16Array.BYTES_PER_ELEMENT],
  ]);
}
