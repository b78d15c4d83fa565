import { floatAt, wordAt } from '../base/elements.ts';
import { packBlock } from './arena.ts';
import { BLOCK } from './blocks.ts';
import { headCell, nextGeneration, STATE, stateOf, withState } from './entry-table.ts';
import { QUEUE } from './eviction-queues.ts';
import { announceAll } from './filling-object.ts';
import type { StoreCore } from './store-core.ts';
import { CONTROL, GRANULE_BYTES, GRANULE_WORDS, RECORD, TOTALS } from './store-layout.ts';
import type { RecoverReport } from './store-types.ts';

/** Another thread may hold the lock while one recovers; so many bounded waits for it. */
const MAX_ENTER_TRIES = 5;

/**
 * Mends what the ended participant `dead` left. In this order:
 * 1. Its hold of the lock is taken over. What it was in the middle of is unknown, so everything that can be derived is derived anew.
 * 2. Without the lock: its fills become doomed, its pins and claims go.
 * 3. Under the lock: what is free by that is freed.
 * Each step may be done twice, so a recoverer that dies is recovered by calling this for it, and again for the first.
 */
export function recoverStore(core: StoreCore, dead: number): RecoverReport {
  const brokeLock = dead !== core.self && core.lock.breakFor(dead);
  if (brokeLock) {
    rebuild(core);
    core.leave();
  }
  const found = takeFromDead(core, dead);
  let isComplete = false;
  for (let tries = 0; !isComplete && tries < MAX_ENTER_TRIES; tries += 1) isComplete = core.enter();
  if (isComplete) {
    if (brokeLock || found.fills + found.pins + found.claims > 0) core.addTotal(TOTALS.RECOVERIES, 1);
    core.leave();
  }
  return { isComplete, brokeLock, ...found };
}

function takeFromDead(core: StoreCore, dead: number): { fills: number; pins: number; claims: number } {
  const { table } = core;
  const found = { fills: 0, pins: 0, claims: 0 };
  const end = core.usedEntries;
  for (let entry = 0; entry < end; entry += 1) {
    const word = table.word(entry);
    if (table.get(entry, RECORD.OWNER) === dead) {
      if (stateOf(word) === STATE.FILLING && table.swapWord(entry, word, withState(word, STATE.DOOMED))) found.fills += 1;
      // Also of a fill that has ended: it may have died before it said so.
      announceAll(table, entry);
    }
    if (core.claims.clearOf(entry, dead)) found.claims += 1;
    if (core.pins.clearOf(entry, dead)) found.pins += 1;
    // Also what it had doomed or unpinned without having said so.
    if (stateOf(table.word(entry)) === STATE.DOOMED) core.released.add(entry);
  }
  return found;
}

/**
 * Locked. Makes free list, index, queues, arena and totals anew from the records. The records themselves are whole at every
 * moment: each change of one ends with one store of its state word.
 */
export function rebuild(core: StoreCore): void {
  const { memory, index, queues, arena } = core;
  const kept: Kept = { blocks: [], live: [] };
  queues.clear();
  memory.control[CONTROL.FREE_ENTRY] = 0;
  memory.totals[TOTALS.OBJECTS] = 0;
  memory.totals[TOTALS.PAYLOAD] = 0;
  memory.totals[TOTALS.FILLING_GRANULES] = 0;
  for (let entry = core.usedEntries - 1; entry >= 0; entry -= 1) keepOrFree(core, entry, kept);
  arena.rebuild(Float64Array.from(kept.blocks).sort());
  for (const entry of inOrder(core, kept.live, RECORD.QUEUE_TURN, CONTROL.QUEUE_TURN)) requeue(core, entry);
  index.rebuild(inOrder(core, kept.live, RECORD.BIRTH, CONTROL.BIRTH));
}

type Kept = { readonly blocks: number[]; readonly live: number[] };

function keepOrFree(core: StoreCore, entry: number, kept: Kept): void {
  const { table } = core;
  const word = table.word(entry);
  const state = stateOf(word);
  const isKept = state === STATE.LIVE || state === STATE.FILLING || (state === STATE.DOOMED && table.hasPins(entry));
  if (!isKept || !keepBlocks(core, entry, { word, blocks: kept.blocks })) {
    if (state !== STATE.FREE) table.setWord(entry, nextGeneration(word, STATE.FREE));
    core.claims.clear(entry);
    core.listFree(entry);
    return;
  }
  const isFill = state === STATE.FILLING || (state === STATE.DOOMED && table.get(entry, RECORD.FILLING) > 0);
  table.set(entry, RECORD.FILLING, isFill ? table.get(entry, RECORD.GRANULES) : 0);
  core.addTotal(TOTALS.FILLING_GRANULES, table.get(entry, RECORD.FILLING));
  // Doomed by somebody since then: linked nevertheless, as the doomed may be until they are tidied.
  if (state === STATE.LIVE) kept.live.push(entry);
  else table.set(entry, RECORD.QUEUE, QUEUE.NONE);
}

/** Notes the blocks of an entry and derives what its record says about them. False when they make no sense. */
function keepBlocks(core: StoreCore, entry: number, into: { word: number; blocks: number[] }): boolean {
  const { table, memory } = core;
  const { word, blocks } = into;
  const before = blocks.length;
  let total = 0;
  const isWhole = table.forEachBlock(entry, word, (block, granules) => {
    blocks.push(packBlock(block, granules));
    total += granules;
  });
  if (!isWhole) {
    blocks.length = before;
    return false;
  }
  const head = table.get(entry, headCell(word));
  const keyLength = wordAt(memory.words, table.get(entry, RECORD.FIRST) * GRANULE_WORDS + BLOCK.KEY_LENGTH);
  const metaLength = wordAt(memory.words, head * GRANULE_WORDS + BLOCK.META_LENGTH);
  table.set(entry, RECORD.GRANULES, total);
  table.set(entry, RECORD.HEAD_PAYLOAD, keyLength + metaLength);
  table.setUselessAfter(entry, floatAt(memory.numbers, (head * GRANULE_BYTES + BLOCK.NUMBERS_AT) / 8));
  return true;
}

function requeue(core: StoreCore, entry: number): void {
  const queue = core.table.get(entry, RECORD.QUEUE);
  // In no queue: it was on its way from one to the other.
  core.queues.push(entry, queue === QUEUE.SMALL ? QUEUE.SMALL : QUEUE.MAIN);
  core.addTotal(TOTALS.OBJECTS, 1);
  core.addTotal(TOTALS.PAYLOAD, core.payloadOf(entry));
}

const INDEX_RANGE = 2 ** 26;
const MAX_AGE = 2 ** 27 - 1;

/** Entries by the turn in one of their cells, oldest first. Turns wrap: an age is a difference. What is older than `MAX_AGE` turns counts as that old. */
function inOrder(core: StoreCore, entries: readonly number[], cell: number, nowCell: number): Float64Array {
  const now = wordAt(core.memory.control, nowCell);
  const ordered = new Float64Array(entries.length);
  for (const [at, entry] of entries.entries()) {
    const age = Math.min((now - core.table.get(entry, cell)) >>> 0, MAX_AGE);
    ordered[at] = (MAX_AGE - age) * INDEX_RANGE + entry;
  }
  return ordered.sort().map((aged) => aged % INDEX_RANGE);
}
