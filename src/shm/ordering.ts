const cell = new Int32Array(1);
/** x64 never lets a load pass a load. */
const NEEDS_STORE = process.arch !== 'x64';

/**
 * Between plain reads of shared bytes and the atomic load that checks whether they were still what they were: on arm64 an
 * atomic load does not hold back plain loads before it. A sequentially consistent store does, and the load after it may not
 * pass that store.
 */
export function settleReads(): void {
  if (NEEDS_STORE) Atomics.store(cell, 0, 0);
}
