import { granulesFor, headBytes, MAX_HEAD_BYTES, writeBlockHeader, writeHead, writeHeadLengths } from './blocks.ts';
import { generationOf, headCell, STAGE, STATE, withState } from './entry-table.ts';
import { QUEUE } from './eviction-queues.ts';
import { Fill } from './fill.ts';
import type { StoreCore } from './store-core.ts';
import { MAX_BLOCK_GRANULES, RECORD } from './store-layout.ts';
import type { FillFailure, NewObject } from './store-types.ts';

/** Room for the body taken with the head when its length is not known; what stays unused goes back at `publish`. */
const FIRST_ROOM_BYTES = 2048;

/** Begins an object whose key `core.hash` has hashed last. Undefined: too large, no room, or no lock (counted). */
export function beginFill(core: StoreCore, object: NewObject, maxBodyBytes: number): Fill | undefined {
  if (object.key.length + object.meta.length > MAX_HEAD_BYTES || object.expectedBytes > maxBodyBytes) return refuse(core, 'tooLarge');
  if (!core.enter()) return refuse(core, 'lockTimeout');
  const entry = core.takeEntry();
  const block = entry === -1 ? -1 : takeFirst(core, object);
  if (block === -1) {
    if (entry !== -1) core.listFree(entry);
    core.leave();
    return refuse(core, 'noRoom');
  }
  const word = setRecord(core, { entry, block }, object);
  core.leave();
  // From here on the block is this participant's alone.
  writeHead(core.memory, block, object);
  Atomics.store(core.table.records, core.table.cellAt(entry, RECORD.STAGE), STAGE.GROWING);
  return new Fill(core, { entry, word, block, object, maxBodyBytes });
}

function refuse(core: StoreCore, reason: FillFailure): undefined {
  core.countFailure(reason);
  return undefined;
}

/** Locked. Head and body in one block where that can be had, else a block for the head alone. */
function takeFirst(core: StoreCore, object: NewObject): number {
  const bodyBytes = object.expectedBytes < 0 ? FIRST_ROOM_BYTES : object.expectedBytes;
  const wanted = Math.min(granulesFor(headBytes(object) + bodyBytes), MAX_BLOCK_GRANULES);
  if (!core.mayFill(wanted)) return -1;
  if (core.reserve(wanted)) {
    const block = core.arena.take(wanted);
    if (block !== -1) return block;
  }
  return core.takeBlock(granulesFor(headBytes(object)));
}

/** Locked. Writes everything that must be true before the state word says FILLING. Returns that word. */
function setRecord(core: StoreCore, at: { entry: number; block: number }, object: NewObject): number {
  const { table, memory, hash } = core;
  const { entry, block } = at;
  const word = withState(table.word(entry), STATE.FILLING);
  const granules = core.arena.taken;
  table.set(entry, RECORD.HASH_LOW, hash.low);
  table.set(entry, RECORD.HASH_HIGH, hash.high);
  table.set(entry, RECORD.OWNER, core.self);
  table.set(entry, RECORD.FIRST, block);
  table.set(entry, headCell(word), block);
  table.set(entry, RECORD.BODY_LENGTH, 0);
  table.set(entry, RECORD.STAGE, STAGE.HEADLESS);
  table.set(entry, RECORD.MARKS, 0);
  table.set(entry, RECORD.QUEUE, QUEUE.NONE);
  table.set(entry, RECORD.GRANULES, 0);
  table.set(entry, RECORD.FILLING, 0);
  core.addFilling(entry, granules);
  table.set(entry, RECORD.HEAD_PAYLOAD, object.key.length + object.meta.length);
  table.setUselessAfter(entry, object.numbers[0] ?? 0);
  Atomics.store(table.records, table.cellAt(entry, RECORD.FLAGS), generationOf(word) << 8);
  writeBlockHeader(memory, block, { granules, bodyAt: headBytes(object) });
  writeHeadLengths(memory, block, object);
  table.setWord(entry, word);
  return word;
}
