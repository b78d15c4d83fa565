import { isLive, KEY, STATE } from '../../src/shm/key-cells.ts';
import { LIMIT_CELL, LimitMemory } from '../../src/shm/limit-memory.ts';

export const LIMITS_SEED = Uint8Array.from({ length: 16 }, (_, at) => at * 5 + 3);

/** Everything that is wrong with the cells of a table that nobody works on; empty when all invariants hold. */
export function faultsOfLimits(memory: SharedArrayBuffer, isDeadly = false): readonly string[] {
  const { cells, control, slots, overflowAt } = new LimitMemory(memory);
  const { left, twins, live } = faultsOfKeys(cells.subarray(0, overflowAt), slots, LIMIT_CELL.WORDS);
  const counted = isDeadly || control[0] === live ? [] : [`${live} cells are live, not ${control[0]}`];
  return [...left, ...twins, ...counted];
}

/** No cell is left half made, and no key has two. */
export function faultsOfKeys(
  cells: Int32Array,
  slots: number,
  stride: number,
): { readonly left: readonly string[]; readonly twins: readonly string[]; readonly live: number } {
  const left: string[] = [];
  const twins: string[] = [];
  let live = 0;
  const keys = new Set<string>();
  for (let cell = 0; cell < cells.length; cell += stride) {
    const slot = (cell / stride) % slots;
    if (slot === 0) continue;
    const state = cells[cell + STATE] ?? 0;
    if (!isLive(state)) {
      if (state !== 0) left.push(`slot ${slot} is left in state ${state}`);
      continue;
    }
    const key = `${Math.floor(cell / stride / slots)}:${cells[cell + KEY]}`;
    live += 1;
    if (keys.has(key)) twins.push(`slot ${slot} is the second one of key ${key}`);
    keys.add(key);
  }
  return { left, twins, live };
}
