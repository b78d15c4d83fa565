/** What stands in a `PlacedList` knows its place there, -1 = in none. The list alone writes it. */
export interface Placed {
  place: number;
}

/** A list without an order, from which one that knows its place is taken without a search: the last one takes that place. */
export class PlacedList<T extends Placed> {
  /** To be gone through from its end by who may thereby take some out. */
  readonly items: T[] = [];

  get count(): number {
    return this.items.length;
  }

  add(item: T): void {
    item.place = this.items.push(item) - 1;
  }

  remove(item: T): void {
    if (item.place < 0) return;
    const last = this.items.pop();
    if (last !== undefined && last !== item) {
      this.items[item.place] = last;
      last.place = item.place;
    }
    item.place = -1;
  }
}
