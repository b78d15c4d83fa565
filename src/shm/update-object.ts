import { granulesFor, headBytes, MAX_HEAD_BYTES, type ObjectHead, writeBlockHeader, writeHead, writeHeadLengths } from './blocks.ts';
import { generationOf, headCell, nextGeneration, STATE } from './entry-table.ts';
import type { StoreCore } from './store-core.ts';
import { RECORD, TOTALS } from './store-layout.ts';
import { StoredObject } from './stored-object.ts';

/**
 * Gives an object new meta and numbers: a head block of its own, named in the cell of the other parity, then one compare-and-swap
 * of the state word to the next generation. Readers see the old head or the new one. The body and its pins are not touched.
 * Undefined: the object is not current any more, or there is no room or no lock.
 */
export function updateObject(core: StoreCore, object: StoredObject, head: ObjectHead): StoredObject | undefined {
  if (object.key.length + head.meta.length > MAX_HEAD_BYTES || !core.enter()) return undefined;
  // Pinned so that the search for room does not drop this very object.
  const isHeld = core.pins.pin(object.entry, object.word);
  const word = isHeld ? replaceHead(core, object, { ...head, key: '' }) : undefined;
  if (isHeld) core.pins.unpin(object.entry);
  core.leave();
  if (word === undefined) return undefined;
  return new StoredObject(core, { entry: object.entry, word, bodyLength: object.bodyLength }, { ...head, key: object.key });
}

/** Locked. `head` has no key: that stays in the first block. Returns the new state word. */
function replaceHead(core: StoreCore, object: StoredObject, head: ObjectHead): number | undefined {
  const { table, arena, memory } = core;
  const { entry } = object;
  const block = core.takeBlock(granulesFor(headBytes(head)));
  if (block === -1) return undefined;
  const granules = arena.taken;
  const word = nextGeneration(object.word, STATE.LIVE);
  writeBlockHeader(memory, block, { granules, bodyAt: headBytes(head) });
  writeHeadLengths(memory, block, head);
  writeHead(memory, block, head);
  table.set(entry, headCell(word), block);
  Atomics.store(table.records, table.cellAt(entry, RECORD.FLAGS), generationOf(word) << 8);
  if (!table.swapWord(entry, object.word, word)) {
    arena.give(block, granules);
    return undefined;
  }
  core.claims.clear(entry);
  table.setUselessAfter(entry, head.numbers[0] ?? 0);
  core.addTotal(TOTALS.PAYLOAD, head.meta.length - object.meta.length);
  table.set(entry, RECORD.HEAD_PAYLOAD, object.key.length + head.meta.length);
  core.queues.resize(entry, granules - dropOldHead(core, object));
  return word;
}

/** Locked. Frees the head block of the generation before, unless it is the first block, which stays. Returns how many granules that were. */
function dropOldHead(core: StoreCore, object: StoredObject): number {
  const block = core.table.get(object.entry, headCell(object.word));
  if (block === core.table.get(object.entry, RECORD.FIRST)) return 0;
  const granules = core.table.blockGranules(block);
  core.arena.give(block, granules);
  return granules;
}
