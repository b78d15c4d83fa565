import { assert } from '../base/assert.ts';
import { DISCOVERED, NO_ROUTE, OTHER, SERVICE } from './labels.ts';
import type { LabelRow, MetricRow } from './metric-row.ts';
import { type LabelsOf, METRICS, type MetricName, rowOf } from './metrics.ts';
import { cellsOf, type MetricPlan, type MetricSlot, otherValues, slotKey, toSlot } from './slots.ts';

/** The part of a configuration that labels are made of. */
export type MetricSubjects = {
  readonly listeners: readonly { readonly name: string }[];
  readonly upstreams: readonly {
    readonly name: string;
    readonly endpoints: readonly { readonly url: string }[];
    readonly adaptive?: unknown;
    readonly breaker?: { readonly service: unknown } | undefined;
    readonly resources?: unknown;
    readonly health?: unknown;
    readonly discovery?: unknown;
  }[];
  readonly routes: readonly MetricRoute[];
  readonly tiers?: readonly (Limited & Named)[];
  readonly consumers?: { readonly list: readonly Limited[] } | undefined;
};

type Named = { readonly name: string };
type Limited = { readonly limits: readonly Named[]; readonly quotas: readonly Named[] };

type MetricRoute = {
  readonly name: string;
  readonly limits?: readonly Named[];
  readonly tiers?: { readonly plan: readonly string[] } | undefined;
  readonly cache?: object | undefined;
  readonly mirror?: object | undefined;
  readonly faults?: readonly object[];
  readonly dedupe?: { readonly sharing?: object | undefined; readonly idempotency?: object | undefined } | undefined;
};

/** One label set of a metric. `values` stand in the order of the row's labels. */
export type Series = {
  readonly row: MetricRow;
  readonly values: readonly string[];
  readonly slot: MetricSlot;
  /** The set under which others are counted when the registry is full; printed only when it was used. */
  readonly isOther: boolean;
};

/** Cells in a writer's block, 512 KiB: some 700 routes. Untouched pages cost no memory. */
export const DEFAULT_MAX_CELLS = 65_536;

/**
 * The coordinator's book of which label set has which cells. It only grows: the label sets of a route or an upstream that a
 * reload took away keep their cells, and are printed, until the process restarts; when the same name comes back, it goes on
 * where it was. When the cells are used up, further label sets share their metric's `other` set and are counted in
 * `overflowedTotal`, at every plan that asks for them.
 */
export class MetricRegistry {
  readonly maxCells: number;
  overflowedTotal = 0;
  #usedCells = 0;
  readonly #series: Series[] = [];
  readonly #slots = new Map<string, MetricSlot>();

  constructor(maxCells: number = DEFAULT_MAX_CELLS) {
    this.maxCells = maxCells;
    for (const row of METRICS) this.#reserve(row, otherValues(row), true);
  }

  /** Cells from here on belong to nobody. */
  get usedCells(): number {
    return this.#usedCells;
  }

  /** In the order of registration, so the sets of one metric do not stand together. */
  get series(): readonly Series[] {
    return this.#series;
  }

  /** Gives every label set of the configuration its cells, and tells the places of all that were ever given. */
  plan(subjects: MetricSubjects): MetricPlan {
    for (const row of METRICS) {
      for (const values of labelSets(row.labels, subjects)) this.#place(row, values);
    }
    return { slots: Object.fromEntries(this.#slots) };
  }

  /** Gives one label set its cells: for labels whose values only the coordinator knows. Must come before the plan that is to hold it. */
  register<Name extends MetricName>(name: Name, labels: LabelsOf<Name>): MetricSlot {
    const row = rowOf(name);
    assert(row !== undefined, `${name} is a metric`);
    const given: Readonly<Record<string, string>> = labels;
    return this.#place(
      row,
      row.labels.map((label) => given[label.name] ?? OTHER),
    );
  }

  /**
   * Zeroes the gauges in the block of a writer that has died: its open connections are closed. Its counters stay. Only after
   * the thread has ended and before its successor starts, when the block has no other writer.
   */
  clearGauges(block: Float64Array): void {
    for (const { row, slot } of this.#series) if (row.type === 'gauge') block[slot] = 0;
  }

  #place(row: MetricRow, values: readonly string[]): MetricSlot {
    const known = this.#slots.get(slotKey(row, values));
    if (known !== undefined) return known;
    if (this.#usedCells + cellsOf(row) <= this.maxCells) return this.#reserve(row, values, false);
    this.overflowedTotal += 1;
    const other = this.#slots.get(slotKey(row, otherValues(row)));
    assert(other !== undefined, `${row.name} has a set for others`);
    return other;
  }

  #reserve(row: MetricRow, values: readonly string[], isFallback: boolean): MetricSlot {
    assert(this.#usedCells + cellsOf(row) <= this.maxCells, 'a block has at least one label set of every metric');
    const slot = toSlot(this.#usedCells);
    this.#usedCells += cellsOf(row);
    this.#slots.set(slotKey(row, values), slot);
    // A metric without labels has one set, which is nobody's stand-in.
    this.#series.push({ row, values, slot, isOther: isFallback && row.labels.length > 0 });
    return slot;
  }
}

/** `upstream` and `route`: values of these labels, on which others depend. */
type PartialSet = { readonly values: readonly string[]; readonly upstream: string; readonly route: string };

/** All label sets that a configuration gives rise to; none where a label's values are known at run time only. */
function labelSets(labels: readonly LabelRow[], subjects: MetricSubjects): readonly (readonly string[])[] {
  if (labels.length === 0) return [];
  let sets: readonly PartialSet[] = [{ values: [], upstream: '', route: '' }];
  for (const label of labels) {
    sets = sets.flatMap((set) => {
      return valuesOf(label, set, subjects).map((value) => ({
        values: [...set.values, value],
        upstream: label.name === 'upstream' ? value : set.upstream,
        route: label.name === 'route' ? value : set.route,
      }));
    });
  }
  return sets.map((set) => set.values);
}

function valuesOf(label: LabelRow, { upstream, route }: PartialSet, subjects: MetricSubjects): readonly string[] {
  if ('values' in label) return label.values;
  switch (label.from) {
    case 'route':
      return [NO_ROUTE, ...namesOf(subjects.routes)];
    case 'cached-route':
      return namesOf(subjects.routes.filter(({ cache }) => cache !== undefined));
    case 'sharing-route':
      return namesOf(subjects.routes.filter(({ cache, dedupe }) => cache !== undefined || dedupe?.sharing !== undefined));
    case 'deduped-route':
      return namesOf(subjects.routes.filter(({ dedupe }) => dedupe?.sharing !== undefined));
    case 'keyed-route':
      return namesOf(subjects.routes.filter(({ dedupe }) => dedupe?.idempotency !== undefined));
    case 'limited-route':
      return namesOf(subjects.routes.filter(({ limits = [], tiers }) => limits.length > 0 || tiers !== undefined));
    case 'faulty-route':
      return namesOf(subjects.routes.filter(({ faults = [] }) => faults.length > 0));
    case 'mirrored-route':
      return namesOf(subjects.routes.filter(({ mirror }) => mirror !== undefined));
    case 'limit':
      return limitNames(route, subjects);
    case 'listener':
      return namesOf(subjects.listeners);
    case 'upstream':
      return namesOf(subjects.upstreams);
    case 'adaptive-upstream':
      return namesOf(subjects.upstreams.filter(({ adaptive }) => adaptive !== undefined));
    case 'breaker-upstream':
      return namesOf(subjects.upstreams.filter(({ breaker }) => breaker !== undefined));
    case 'bounded-upstream':
      return namesOf(subjects.upstreams.filter(({ resources }) => resources !== undefined));
    case 'breaker':
      return breakersOf(subjects.upstreams.find(({ name }) => name === upstream));
    case 'discovering-upstream':
      return namesOf(subjects.upstreams.filter(({ discovery }) => discovery !== undefined));
    case 'checked-upstream':
      return namesOf(subjects.upstreams.filter(({ health }) => health !== undefined));
    case 'endpoint':
      return endpointsOf(subjects.upstreams.find(({ name }) => name === upstream));
    case 'runtime':
      return [];
  }
}

function endpointsOf(upstream: MetricSubjects['upstreams'][number] | undefined): readonly string[] {
  if (upstream === undefined) return [];
  const urls = upstream.endpoints.map(({ url }) => url);
  return upstream.discovery === undefined ? urls : [...urls, DISCOVERED];
}

/** Of each endpoint, and of all of them together. */
function breakersOf(upstream: MetricSubjects['upstreams'][number] | undefined): readonly string[] {
  if (upstream === undefined) return [];
  const urls = endpointsOf(upstream);
  return upstream.breaker?.service === undefined ? urls : [...urls, SERVICE];
}

/** Limits and quotas that a request of the route may meet: its own, those of tiers, those of consumers. */
function limitNames(routeName: string, { routes, tiers = [], consumers }: MetricSubjects): readonly string[] {
  const route = routes.find(({ name }) => name === routeName);
  const own = route?.limits ?? [];
  const plan = route?.tiers?.plan;
  if (plan === undefined) return Array.from(new Set(namesOf(own)));
  const others = [...tiers.filter(({ name }) => plan.includes(name)), ...(consumers?.list ?? [])];
  return Array.from(new Set(namesOf([...own, ...others.flatMap(({ limits, quotas }) => [...limits, ...quotas])])));
}

function namesOf(subjects: readonly { readonly name: string }[]): readonly string[] {
  return subjects.map(({ name }) => name);
}
