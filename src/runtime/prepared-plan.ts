import type { LoadedFilters } from '../exchange/filters.ts';
import { type FiltersLoaded, loadFilters } from './load-filters.ts';
import type { PlanMessage } from './messages.ts';

export type Prepared = { readonly plan: PlanMessage; readonly filters: LoadedFilters };
type Load = (modules: PlanMessage['modules'], generation: number) => Promise<FiltersLoaded>;

const NONE = 0;

/**
 * The plan that a worker is ready to change to. Modules may take their time to load, so a plan may be given up, and another be asked
 * for, while one still loads: only the one that was asked for last counts.
 */
export class PreparedPlan {
  readonly #load: Load;
  #wanted = NONE;
  #prepared: Prepared | undefined;

  constructor(load: Load = loadFilters) {
    this.#load = load;
  }

  /** Text: why it does not load. `superseded`: nobody waits for it any more. */
  async prepare(plan: PlanMessage): Promise<'prepared' | 'superseded' | { readonly reason: string }> {
    this.#wanted = plan.generation;
    const loaded = await this.#load(plan.modules, plan.moduleGeneration);
    if (this.#wanted !== plan.generation) return 'superseded';
    if (loaded.kind === 'bad') return { reason: loaded.reason };
    this.#prepared = { plan, filters: loaded.filters };
    return 'prepared';
  }

  /** To change to it now. `undefined`: it is not the one that is prepared. */
  take(generation: number): Prepared | undefined {
    const prepared = this.#prepared;
    if (prepared?.plan.generation !== generation) return undefined;
    this.#prepared = undefined;
    return prepared;
  }

  discard(generation: number): void {
    if (this.#wanted === generation) this.#wanted = NONE;
    this.take(generation);
  }
}
