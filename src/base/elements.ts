/**
 * Elements of arrays at indices that are known to be within them, because a layout or a check just before says so. The compiler believes
 * of every index that it may be outside (`noUncheckedIndexedAccess`), and a default in that place would be a branch which nothing can take,
 * and which would hide a wrong index. One function for each kind of array: V8 learns what a function reads, and is fast with one kind.
 */
export function wordAt(words: Int32Array, index: number): number {
  return words[index] as number;
}

export function floatAt(floats: Float64Array, index: number): number {
  return floats[index] as number;
}

/** Not on a hot path: it sees lists of all kinds. */
export function itemAt<Item>(items: readonly Item[], index: number): Item {
  return items[index] as Item;
}
