import { FieldList } from './field-list.ts';
import type { FilterAnswer, FilterContext, FilterRequest, FilterResponse, FilterSummary, LoadedFilter } from './filters.ts';

export type FilterPhase = 'request' | 'upstream-request' | 'response' | 'finish';

/** A phase that could not be completed, as a value. */
export type FilterFault = {
  readonly filter: string;
  readonly phase: FilterPhase;
  readonly cause: 'timeout' | 'error';
  readonly error: unknown;
};

/** What a run of one phase came to. */
export type PhaseResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'answer'; readonly answer: FilterAnswer }
  | { readonly kind: 'fault'; readonly fault: FilterFault };

/** Told of each fault, also of those that a filter with `onError: open` is forgiven. */
export type FaultReport = (fault: FilterFault) => void;

const DONE: PhaseResult = { kind: 'done' };

class FilterTimeout extends Error {}

/** Runs the filters of one exchange, phase by phase, in the order of the config. Made only for a route that has some. */
export class FilterRun {
  private readonly filters: readonly LoadedFilter[];
  private readonly context: FilterContext;
  private readonly report: FaultReport;
  /** The head as it came, before the filters changed it. */
  received = '';
  /** The request phase has put fields of its own into the head. */
  hasWritten = false;

  constructor(filters: readonly LoadedFilter[], context: FilterContext, report: FaultReport) {
    this.filters = filters;
    this.context = context;
    this.report = report;
  }

  async request(facts: Omit<FilterRequest, keyof FilterContext>): Promise<PhaseResult> {
    const view: FilterRequest = Object.assign(facts, this.context);
    for (const loaded of this.filters) {
      const { filter } = loaded;
      if (filter.request === undefined) continue;
      const result = await this.guard(loaded, 'request', () => filter.request?.(view));
      if (result.kind === 'fault') return result;
      if (result.value !== undefined) return { kind: 'answer', answer: result.value };
    }
    return DONE;
  }

  async upstreamRequest(facts: { upstream: string; attempt: number; headers: FieldList }): Promise<PhaseResult> {
    const view = Object.assign(facts, this.context);
    return this.each('upstream-request', (filter) => filter.upstreamRequest?.(view));
  }

  async response(view: FilterResponse): Promise<PhaseResult> {
    return this.each('response', (filter) => filter.response?.(view));
  }

  /** Nobody waits for these. */
  async finish(facts: Omit<FilterSummary, keyof FilterContext>): Promise<void> {
    const summary: FilterSummary = { ...this.context, ...facts };
    await this.each('finish', (filter) => filter.finish?.(summary));
  }

  /** Some of them writes what is sent by what it has learned of this request. */
  get tellsUpstream(): boolean {
    return this.hasWritten || this.filters.some(({ filter }) => filter.upstreamRequest !== undefined);
  }

  get sharedContext(): FilterContext {
    return this.context;
  }

  private async each(phase: FilterPhase, call: (filter: LoadedFilter['filter']) => void | Promise<void>): Promise<PhaseResult> {
    for (const loaded of this.filters) {
      const result = await this.guard(loaded, phase, () => call(loaded.filter));
      if (result.kind === 'fault') return result;
    }
    return DONE;
  }

  /** Calls a phase so that neither a throw nor a promise that never settles gets further than this. */
  private async guard<T>(
    loaded: LoadedFilter,
    phase: FilterPhase,
    call: () => T | Promise<T>,
  ): Promise<{ kind: 'value'; value: T | undefined } | { kind: 'fault'; fault: FilterFault }> {
    try {
      const value = call();
      return { kind: 'value', value: isPromise(value) ? await within(value, loaded.timeoutMs) : value };
    } catch (error) {
      const fault: FilterFault = { filter: loaded.name, phase, cause: error instanceof FilterTimeout ? 'timeout' : 'error', error };
      this.report(fault);
      return loaded.onError === 'open' ? { kind: 'value', value: undefined } : { kind: 'fault', fault };
    }
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new FilterTimeout(`no result within ${timeoutMs} ms`)), timeoutMs);
    // A user's thenable need not be a whole promise.
    Promise.resolve(promise)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

/** The field lines of a head text after its first line, and that line. */
export function splitHead(text: string): { readonly firstLine: string; readonly fields: FieldList } {
  const end = text.indexOf('\r\n');
  return { firstLine: text.slice(0, end), fields: new FieldList(text.slice(end + 2, text.length - 2)) };
}
