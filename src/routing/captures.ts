import type { Found } from './route.ts';

/**
 * What a path's `{name}`, `*` and `rest` took, as places in the path. One object a router, overwritten by its next match: read
 * it before that. Positions are those of `PathPattern.captures`.
 */
export class Captures {
  /** The normalised path that was matched. */
  path = '';
  /** Begin and end of each, in pairs. */
  readonly bounds: Int32Array;

  constructor(max: number) {
    this.bounds = new Int32Array(max * 2);
  }

  /** The bytes taken, as they stand in the normalised path; `''` beyond the last. */
  text(index: number): string {
    return this.path.substring(this.bounds[index * 2] ?? 0, this.bounds[index * 2 + 1] ?? 0);
  }
}

/** The named captures of a match as an object without prototype: for filters, which keep it. */
export function capturesOf(found: Found<unknown>): Readonly<Record<string, string>> {
  const named: Record<string, string> = Object.create(null);
  for (const [index, name] of found.names.entries()) {
    if (name !== undefined) named[name] = found.captures.text(index);
  }
  return named;
}
