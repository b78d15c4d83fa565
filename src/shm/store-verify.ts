import { wordAt } from '../base/elements.ts';
import { generationOf, STATE, stateOf } from './entry-table.ts';
import { headOf, QUEUE } from './eviction-queues.ts';
import type { StoreCore } from './store-core.ts';
import { CONTROL, RECORD, TOTALS } from './store-layout.ts';

const MAX_PROBLEMS = 20;
const FREE_OWNER = -2;
const NO_OWNER = -1;

/**
 * Every invariant of the store that can be checked from outside, for tests. Linear in entries and granules. Meaningful while
 * nobody else changes the store.
 */
export function verifyStore(core: StoreCore): string[] {
  if (!core.enter()) return ['the lock cannot be had'];
  const problems: string[] = [];
  const say = (problem: string) => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  };
  verifyGranules(core, say);
  verifyChains(core, say);
  verifyQueues(core, say);
  verifyEntries(core, say);
  verifyTotals(core, say);
  core.leave();
  return problems;
}

type Say = (problem: string) => void;

/** Every granule is free or owned, exactly once; free neighbours are one block; the sums are right. */
function verifyGranules(core: StoreCore, say: Say): void {
  const { table, arena, memory } = core;
  const owners = new Int32Array(memory.granules).fill(NO_OWNER);
  const own = (owner: number, block: number, granules: number) => {
    for (let at = block; at < block + granules; at += 1) {
      if (owners[at] !== NO_OWNER) say(`granule ${at} belongs to ${owners[at]} and to ${owner}`);
      owners[at] = owner;
    }
  };
  for (let entry = 0; entry < core.usedEntries; entry += 1) {
    const word = table.word(entry);
    if (stateOf(word) === STATE.FREE) continue;
    let total = 0;
    const isWhole = table.forEachBlock(entry, word, (block, granules) => {
      own(entry, block, granules);
      total += granules;
    });
    if (!isWhole) say(`the chain of entry ${entry} makes no sense`);
    if (total !== table.get(entry, RECORD.GRANULES)) say(`entry ${entry} owns ${total} granules, not ${table.get(entry, RECORD.GRANULES)}`);
  }
  let free = 0;
  const ends = new Set<number>();
  arena.forEachFree((block, size) => {
    own(FREE_OWNER, block, size);
    free += size;
    ends.add(block + size);
  });
  arena.forEachFree((block) => {
    if (ends.has(block)) say(`free neighbours meet at ${block}`);
  });
  if (free !== arena.freeGranules) say(`${free} granules are free, not ${arena.freeGranules}`);
  const lost = owners.filter((owner) => owner === NO_OWNER).length;
  if (lost > 0) say(`${lost} granules are lost`);
}

/** Every live entry is in the chain of its bucket, once, and of one key the newest first; nothing else is. */
function verifyChains(core: StoreCore, say: Say): void {
  const { table, memory } = core;
  const seen = new Set<number>();
  for (let bucket = 0; bucket < memory.buckets.length; bucket += 1) {
    const births = new Map<number, number>();
    for (let link = wordAt(memory.buckets, bucket); link !== 0; link = table.get(link - 1, RECORD.CHAIN_NEXT)) {
      const entry = link - 1;
      if (seen.has(entry)) {
        say(`entry ${entry} is linked twice`);
        break;
      }
      seen.add(entry);
      const hashLow = table.get(entry, RECORD.HASH_LOW);
      if ((hashLow & (memory.buckets.length - 1)) !== bucket) say(`entry ${entry} is in the chain of another bucket`);
      if (stateOf(table.word(entry)) !== STATE.LIVE) say(`entry ${entry} is linked, but not live`);
      const birth = table.get(entry, RECORD.BIRTH);
      if ((((births.get(hashLow) ?? birth + 1) - birth) | 0) <= 0) say(`entry ${entry} is newer than one before it`);
      births.set(hashLow, birth);
    }
  }
  for (let entry = 0; entry < core.usedEntries; entry += 1) {
    if (stateOf(table.word(entry)) === STATE.LIVE && !seen.has(entry)) say(`entry ${entry} is live, but not linked`);
  }
}

/** Every live entry is in the queue that it names, once; both directions agree; the weights are right. */
function verifyQueues(core: StoreCore, say: Say): void {
  const { table } = core;
  const queued = new Set<number>();
  for (const queue of [QUEUE.SMALL, QUEUE.MAIN]) verifyQueue(core, { queue, queued }, say);
  for (let entry = 0; entry < core.usedEntries; entry += 1) {
    if (stateOf(table.word(entry)) === STATE.LIVE && !queued.has(entry)) say(`entry ${entry} is live, but not queued`);
  }
}

function verifyQueue(core: StoreCore, of: { queue: number; queued: Set<number> }, say: Say): void {
  const { table, memory } = core;
  const { queue, queued } = of;
  let granules = 0;
  let newer = 0;
  let link = wordAt(memory.control, headOf(queue));
  for (; link !== 0; link = table.get(link - 1, RECORD.OLDER)) {
    const entry = link - 1;
    if (queued.has(entry)) {
      say(`entry ${entry} is queued twice`);
      break;
    }
    queued.add(entry);
    if (table.get(entry, RECORD.QUEUE) !== queue) say(`entry ${entry} is in a queue that it does not name`);
    if (table.get(entry, RECORD.NEWER) !== newer) say(`entry ${entry} does not know who is before it`);
    if (stateOf(table.word(entry)) !== STATE.LIVE) say(`entry ${entry} is queued, but not live`);
    granules += table.get(entry, RECORD.GRANULES);
    newer = link;
  }
  if (wordAt(memory.control, headOf(queue) + 1) !== newer) say(`the tail of queue ${queue} is not its last`);
  const total = memory.totals[queue === QUEUE.SMALL ? TOTALS.SMALL_GRANULES : TOTALS.MAIN_GRANULES];
  if (total !== granules) say(`queue ${queue} weighs ${granules}, not ${total}`);
}

/** Free entries are listed, doomed ones are pinned, and what is counted is there. */
function verifyEntries(core: StoreCore, say: Say): void {
  const { table, memory } = core;
  const listed = new Set<number>();
  for (
    let link = wordAt(memory.control, CONTROL.FREE_ENTRY);
    link !== 0 && !listed.has(link - 1);
    link = table.get(link - 1, RECORD.OLDER)
  ) {
    listed.add(link - 1);
  }
  for (let entry = 0; entry < core.usedEntries; entry += 1) {
    const state = stateOf(table.word(entry));
    if (listed.has(entry) !== (state === STATE.FREE))
      say(`entry ${entry} is ${state}, and ${listed.has(entry) ? '' : 'not '}in the free list`);
    if (state === STATE.DOOMED && !table.hasPins(entry)) say(`entry ${entry} is doomed and not pinned, but not free`);
  }
  for (let entry = core.usedEntries; entry < memory.maxEntries; entry += 1) {
    const word = table.word(entry);
    if (stateOf(word) !== STATE.FREE || generationOf(word) !== 0) say(`entry ${entry} is in use, but counted as never used`);
  }
}

function verifyTotals(core: StoreCore, say: Say): void {
  const { table, memory } = core;
  let objects = 0;
  let payload = 0;
  let filling = 0;
  for (let entry = 0; entry < core.usedEntries; entry += 1) {
    const state = stateOf(table.word(entry));
    if (state !== STATE.FREE) filling += table.get(entry, RECORD.FILLING);
    if (state !== STATE.LIVE) continue;
    objects += 1;
    payload += core.payloadOf(entry);
    if (table.get(entry, RECORD.FILLING) !== 0) say(`entry ${entry} is live, but counted as a fill`);
  }
  const { totals } = memory;
  if (objects !== totals[TOTALS.OBJECTS]) say(`${objects} objects are live, not ${totals[TOTALS.OBJECTS]}`);
  if (payload !== totals[TOTALS.PAYLOAD]) say(`the payload is ${payload}, not ${totals[TOTALS.PAYLOAD]}`);
  if (filling !== totals[TOTALS.FILLING_GRANULES]) say(`${filling} granules are filling, not ${totals[TOTALS.FILLING_GRANULES]}`);
}
