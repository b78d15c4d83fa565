import { HISTOGRAM_CELLS } from './histogram.ts';
import { OTHER } from './labels.ts';
import type { MetricRow } from './metric-row.ts';

declare const slotBrand: unique symbol;
/** Index of a metric's first cell in the block of every writer. */
export type MetricSlot = number & { readonly [slotBrand]: true };

/**
 * Where each label set has its cells, as posted to workers. The keys are those of `slotKey`. Slots are only ever added, so
 * whoever still holds a slot of an older plan goes on counting in the right place.
 */
export type MetricPlan = { readonly slots: Readonly<Record<string, MetricSlot>> };

/** The place of a slot is made here and nowhere else. */
export function toSlot(cell: number): MetricSlot {
  return cell as MetricSlot;
}

/** The name of a label set: the metric and its label values in the order of the row. */
export function slotKey(row: MetricRow, values: readonly string[]): string {
  return row.name + JSON.stringify(values);
}

/** The values of the set under which a metric counts label sets that have no cells of their own. */
export function otherValues(row: MetricRow): readonly string[] {
  return row.labels.map(() => OTHER);
}

/** How many cells one label set of a metric takes. */
export function cellsOf(row: MetricRow): number {
  return row.type === 'histogram' ? HISTOGRAM_CELLS : 1;
}
