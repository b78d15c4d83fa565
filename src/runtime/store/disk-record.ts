import type { Numbers } from '../../base/numbers.ts';

/** One stored object as the index knows it. */
export type DiskRecord = {
  /** Never used twice; names the file of the body. */
  readonly id: number;
  readonly hash: number;
  readonly key: string;
  /** What tells objects of one key apart, hashed. */
  readonly variant: number;
  /** First byte of a part, -1 for a whole, -2 for one without a body. */
  readonly part: number;
  /** The process that wrote it: its epochs mean something only there. */
  readonly run: number;
  readonly flags: number;
  /** Wall time after which it is of no use; Infinity = never. */
  readonly untilMs: number;
  /** Last use known, in minutes since 1970. */
  readonly usedMin: number;
  /** Wall time of the response. */
  readonly arrivedMs: number;
  readonly bodyBytes: number;
  /** What the body's file takes, whole blocks; 0: the body stands in the index. */
  readonly fileBytes: number;
  readonly digest: Uint8Array;
  /** The object's numbers, times in wall time. */
  readonly numbers: Numbers;
  /** Hashes of the names under which it can be invalidated. */
  readonly names: Float64Array;
};

export type DiskContent = { readonly meta: string; readonly body: Uint8Array | undefined };

type Cell = null | number | bigint | string | Uint8Array;
export type DiskCells = Readonly<Record<string, Cell>>;

/** Reads a row of `objects`. */
export function recordOf(cells: DiskCells): DiskRecord {
  return {
    id: numberIn(cells, 'id'),
    hash: numberIn(cells, 'hash'),
    key: textIn(cells, 'key'),
    variant: numberIn(cells, 'variant'),
    part: numberIn(cells, 'part'),
    run: numberIn(cells, 'run'),
    flags: numberIn(cells, 'flags'),
    untilMs: numberIn(cells, 'until'),
    usedMin: numberIn(cells, 'used'),
    arrivedMs: numberIn(cells, 'arrived'),
    bodyBytes: numberIn(cells, 'body_bytes'),
    fileBytes: numberIn(cells, 'file_bytes'),
    digest: bytesIn(cells, 'digest'),
    numbers: [...floatsIn(cells, 'numbers')],
    names: floatsIn(cells, 'names'),
  };
}

export function numberIn(cells: DiskCells, name: string): number {
  const value = cells[name];
  return typeof value === 'number' ? value : 0;
}

export function bytesIn(cells: DiskCells, name: string): Uint8Array {
  const value = cells[name];
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

/** Latin1, as everywhere. */
export function textIn(cells: DiskCells, name: string): string {
  const bytes = bytesIn(cells, name);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Copied: what SQLite gives need not be aligned. */
function floatsIn(cells: DiskCells, name: string): Float64Array {
  return new Float64Array(bytesIn(cells, name).slice().buffer);
}

export function floatBytes(floats: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float64Array.from(floats).buffer);
}
