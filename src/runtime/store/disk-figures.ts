/** Figures that the store thread keeps in shared memory for the coordinator's metrics; the place in the list is the cell. */
export const DISK_FIGURES = [
  'objects',
  'usedBytes',
  'limitBytes',
  'written',
  'writtenBytes',
  'fetched',
  'missed',
  'evicted',
  'damaged',
  'failures',
  'isWriting',
] as const;

export type DiskFigures = Readonly<Record<(typeof DISK_FIGURES)[number], number>>;

export function writeFigures(cells: Float64Array, figures: DiskFigures): void {
  for (const [at, name] of DISK_FIGURES.entries()) cells[at] = figures[name];
}

export function readFigures(cells: Float64Array): DiskFigures {
  // Every name of the list becomes a key.
  return Object.fromEntries(DISK_FIGURES.map((name, at) => [name, cells[at] ?? 0])) as DiskFigures;
}

/** What has happened since the thread began, however often the disk was opened. */
export class DiskCounts {
  written = 0;
  writtenBytes = 0;
  fetched = 0;
  missed = 0;
  evicted = 0;
  damaged = 0;
  failures = 0;
}
