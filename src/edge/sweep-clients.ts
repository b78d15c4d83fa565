import type { TimeSlice } from '../base/time-slice.ts';

/** So many are looked at before the time is: a look at a client that is in time takes some nanoseconds, the end of one that is late a system call. */
const CLIENTS_A_LOOK = 32;

/** Where a sweep begins that has nothing left over. */
export const FROM_THE_END = Number.MAX_SAFE_INTEGER;

/** From the end, because one that ends gives its place to the last. Returns where to go on: clients that are left over come before those that were seen. */
export function sweepClients(
  clients: readonly { sweep(nowMs: number): void }[],
  { nowMs, slice, from }: { readonly nowMs: number; readonly slice: TimeSlice; readonly from: number },
): number {
  if (slice.hasMore) return from;
  for (let i = Math.min(from, clients.length - 1); i >= 0; i--) {
    clients[i]?.sweep(nowMs);
    if (i % CLIENTS_A_LOOK === 0 && i > 0 && slice.isOver()) return i - 1;
  }
  return FROM_THE_END;
}
