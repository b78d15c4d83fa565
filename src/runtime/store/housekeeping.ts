import type { Presence } from '../../shm/presence.ts';
import { type DiskCounts, type DiskFigures, writeFigures } from './disk-figures.ts';
import type { OpenDisk } from './open-disk.ts';

/** Rows that are dropped at a time because they have expired. */
const EXPIRED_ROWS = 64;
/** How often last uses are written. */
const USES_MS = 10_000;

/** What is done now and then while the disk is ours. */
export class Housekeeping {
  #usesAtMs = 0;

  /** Throws what the disk throws. */
  run({ shelf, space, reader }: OpenDisk, nowMs: number): void {
    space.dropExpired(EXPIRED_ROWS);
    if (nowMs < this.#usesAtMs) return;
    this.#usesAtMs = nowMs + USES_MS;
    const uses = reader.takeUses();
    if (uses.size === 0) return;
    shelf.change(() => {
      for (const [id, usedMin] of uses) shelf.index.setUsed(id, usedMin);
    });
  }
}

export type FiguresNow = Pick<DiskFigures, 'limitBytes' | 'isWriting'> & { readonly counts: DiskCounts };

/** `disk` undefined: it is off. */
export function showFigures(presence: Presence, disk: OpenDisk | undefined, { counts, ...now }: FiguresNow): void {
  writeFigures(presence.figures, { ...now, ...counts, objects: disk?.shelf.objects ?? 0, usedBytes: disk?.space.usedBytes() ?? 0 });
}
