import { assert } from '../base/assert.ts';
import { observeInto } from './histogram.ts';
import { OTHER } from './labels.ts';
import { type LabelsOf, type MetricName, rowOf } from './metrics.ts';
import { type MetricPlan, type MetricSlot, otherValues, slotKey } from './slots.ts';

/**
 * One thread's pen: it counts in that thread's own block, which nobody else writes. `slot` is for load time; the rest is
 * one store (two for a histogram). A reload makes a new writer over the same block; slots taken from the old one stay good.
 */
export class MetricsWriter {
  readonly #cells: Float64Array;
  readonly #plan: MetricPlan;

  constructor(block: Float64Array, plan: MetricPlan) {
    this.#cells = block;
    this.#plan = plan;
  }

  /** The place of a label set; that of the metric's `other` set where the plan does not have it. */
  slot<Name extends MetricName>(name: Name, labels: LabelsOf<Name>): MetricSlot {
    const row = rowOf(name);
    assert(row !== undefined, `${name} is a metric`);
    const given: Readonly<Record<string, string>> = labels;
    const values = row.labels.map((label) => given[label.name] ?? OTHER);
    const slot = this.#plan.slots[slotKey(row, values)] ?? this.#plan.slots[slotKey(row, otherValues(row))];
    assert(slot !== undefined, `the plan has a set for the others of ${name}`);
    return slot;
  }

  /** The places of one label's values, the other labels given: `slots('sluice_requests_total', { label: 'code', values: CODE_CLASSES }, { route })`. */
  slots<Name extends MetricName, Label extends keyof LabelsOf<Name> & string>(
    name: Name,
    varying: { readonly label: Label; readonly values: readonly string[] },
    labels: Omit<LabelsOf<Name>, Label>,
  ): readonly MetricSlot[] {
    // The varying label joins the others, so the set is whole; TypeScript cannot see that of a computed key.
    return varying.values.map((value) => this.slot(name, { ...labels, [varying.label]: value } as unknown as LabelsOf<Name>));
  }

  increment(slot: MetricSlot): void {
    this.#cells[slot] = (this.#cells[slot] ?? 0) + 1;
  }

  /** Counter: `by` >= 0. Gauge: either way. */
  add(slot: MetricSlot, by: number): void {
    this.#cells[slot] = (this.#cells[slot] ?? 0) + by;
  }

  /** For gauges. */
  set(slot: MetricSlot, value: number): void {
    this.#cells[slot] = value;
  }

  /** For histograms; a time in ms. */
  observe(slot: MetricSlot, ms: number): void {
    observeInto(this.#cells, slot, ms);
  }
}
