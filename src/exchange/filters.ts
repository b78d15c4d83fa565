import type { FieldList } from './field-list.ts';

/**
 * The user's own code on a route. A module named in `filters:` exports one, as `default` or as `filter`. Each phase may be
 * synchronous or return a promise. A phase that throws, rejects or takes longer than the filter's `timeout` costs its own
 * request a 500, or is skipped where `onError: open` is configured; never more than that.
 *
 * Code that never returns (an endless loop) cannot be interrupted inside its thread: the worker is then replaced after
 * `process.stuckKill`.
 */
export interface Filter {
  /** Before the route's upstream is asked. Return an answer to end the request here. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a phase that returns nothing is a function to void, or to a promise of it
  request?(request: FilterRequest): FilterAnswer | undefined | void | Promise<FilterAnswer | undefined | void>;
  /** On the head that is about to be sent to the upstream, for every attempt. */
  upstreamRequest?(request: FilterUpstreamRequest): void | Promise<void>;
  /** On the head of the answer, before the client gets it. */
  response?(response: FilterResponse): void | Promise<void>;
  /** After the exchange has ended, however it ended. Its result is not awaited. */
  finish?(summary: FilterSummary): void;
}

/** An answer made by a filter. `Content-Length` is added. */
export type FilterAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
};

/** What the phases of one request share. */
export interface FilterContext {
  readonly requestId: string;
  readonly route: string;
  readonly clientAddress: string;
  /** The filters' own: kept from one phase of a request to the next. */
  readonly state: Map<string, unknown>;
}

export interface FilterRequest extends FilterContext {
  readonly method: string;
  /** Path and query as received. Assign to change what is sent upstream; must begin with `/`. */
  target: string;
  readonly host: string;
  readonly captures: Readonly<Record<string, string>>;
  /** The client's fields. Framing and hop-by-hop fields cannot be changed. */
  readonly headers: FieldList;
}

export interface FilterUpstreamRequest extends FilterContext {
  readonly upstream: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly headers: FieldList;
}

export interface FilterResponse extends FilterContext {
  /** 200 to 599. */
  status: number;
  readonly headers: FieldList;
}

export type FilterSummary = FilterContext & {
  /** Status sent; 0 if the client left before one was. */
  readonly status: number;
  readonly outcome: string;
  readonly totalMs: number;
};

/** A filter as configured for a route. */
export type LoadedFilter = {
  readonly name: string;
  readonly filter: Filter;
  readonly onError: 'fail' | 'open';
  readonly timeoutMs: number;
};

/** By module path as written in the config. */
export type LoadedFilters = ReadonlyMap<string, Filter>;

/** Helps an editor to check a filter; returns what it is given. */
export function defineFilter(filter: Filter): Filter {
  return filter;
}
