import type { RouteMatch } from '../config/types.ts';
import type { Captures } from './captures.ts';
import { comparePatterns, type PathPattern, parsePattern } from './pattern.ts';
import { Condition, conditionHolds } from './value-match.ts';
import type { RouteQuery } from './query.ts';

/** A route as the file has it, as far as matching goes. A `RouteConfig` is one. */
export type RouteSource = {
  readonly name: string;
  readonly match: RouteMatch;
  readonly priority: number;
  /** Where it stands in the file. */
  readonly line: number;
};

export type RouteEntry<T> = RouteSource & { readonly value: T };

/** What keeps a route from being compiled. */
export type RouteProblem = {
  readonly name: string;
  readonly line: number;
  /** `path`, `host`, `headers.x`, `query.y`. */
  readonly where: string;
  /** Within the pattern, from 1; `undefined` where it is the whole. */
  readonly column: number | undefined;
  readonly message: string;
};

export type Found<T> = {
  readonly kind: 'found';
  readonly value: T;
  readonly captures: Captures;
  /** Of the captures, by position; `undefined` where the pattern has a `*`. */
  readonly names: readonly (string | undefined)[];
};

/** `suffix` begins with the dot: `*.example.com` has `.example.com`. */
export type HostPattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact'; readonly host: string }
  | { readonly kind: 'suffix'; readonly suffix: string };

/** A route ready to be asked. One shape; made once. */
export class CompiledRoute<T> {
  readonly name: string;
  readonly line: number;
  readonly priority: number;
  /** Place in the file. */
  readonly order: number;
  readonly host: HostPattern;
  readonly pattern: PathPattern;
  /** All that are accepted, HEAD included where GET is; empty = any. */
  readonly methods: readonly string[];
  readonly conditions: readonly Condition[];
  /** What `match` returns; made here so that a match allocates nothing. */
  readonly found: Found<T>;

  constructor(entry: RouteEntry<T>, order: number, parts: RouteParts, captures: Captures) {
    this.name = entry.name;
    this.line = entry.line;
    this.priority = entry.priority;
    this.order = order;
    this.host = parts.host;
    this.pattern = parts.pattern;
    this.methods = acceptedMethods(entry.match.methods);
    this.conditions = parts.conditions;
    this.found = Object.freeze({ kind: 'found', value: entry.value, captures, names: parts.pattern.captures });
  }
}

export type RouteParts = { readonly host: HostPattern; readonly pattern: PathPattern; readonly conditions: readonly Condition[] };
export type ParsedRoute =
  | { readonly kind: 'ok'; readonly parts: RouteParts }
  | { readonly kind: 'bad'; readonly problems: readonly RouteProblem[] };

/** RFC 9110 9.3.2: HEAD is GET without the content, so who serves GET serves HEAD. */
export function acceptedMethods(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods;
}

/** Every problem of one route, or its parts. */
export function parseRoute(source: RouteSource): ParsedRoute {
  const problems: RouteProblem[] = [];
  const report = (where: string, message: string, column?: number): void => {
    problems.push({ name: source.name, line: source.line, where, column, message });
  };
  const path = parsePattern(source.match.path);
  if (path.kind === 'bad') report('path', path.message, path.column);
  const host = parseHost(source.match.host);
  if (host === undefined) report('host', `a host is example.com or *.example.com, not ${JSON.stringify(source.match.host)}`);
  const conditions: Condition[] = [];
  for (const on of ['header', 'query'] as const) {
    for (const { name, match } of on === 'header' ? source.match.headers : source.match.query) {
      try {
        conditions.push(new Condition(on, name, match));
      } catch (error) {
        report(`${on === 'header' ? 'headers' : on}.${name}`, error instanceof Error ? error.message : String(error));
      }
    }
  }
  if (path.kind === 'bad' || host === undefined || problems.length > 0) return { kind: 'bad', problems };
  return { kind: 'ok', parts: { host, pattern: path.pattern, conditions } };
}

function parseHost(host: string | undefined): HostPattern | undefined {
  if (host === undefined) return { kind: 'any' };
  const isSuffix = host.startsWith('*.');
  const name = isSuffix ? host.slice(2) : host;
  if (name === '' || /[*/@\s]/.test(name)) return undefined;
  return isSuffix ? { kind: 'suffix', suffix: `.${name}` } : { kind: 'exact', host };
}

/**
 * The one order in which routes are asked, whatever the order of the file: priority, then the host (exact, longer wildcard,
 * any), then the path by `comparePatterns`, then the number of conditions (methods are one), then the file. The first route
 * in this order that matches a request has it.
 */
export function compareRoutes(a: CompiledRoute<unknown>, b: CompiledRoute<unknown>): number {
  return (
    b.priority - a.priority ||
    hostRank(b.host) - hostRank(a.host) ||
    comparePatterns(a.pattern, b.pattern) ||
    conditionCount(b) - conditionCount(a) ||
    a.order - b.order
  );
}

function hostRank(host: HostPattern): number {
  if (host.kind === 'any') return 0;
  return host.kind === 'suffix' ? host.suffix.length : Number.MAX_SAFE_INTEGER;
}

function conditionCount(route: CompiledRoute<unknown>): number {
  return route.conditions.length + (route.methods.length > 0 ? 1 : 0);
}

export function methodHolds(route: CompiledRoute<unknown>, method: string): boolean {
  return route.methods.length === 0 || route.methods.includes(method);
}

export function conditionsHold(route: CompiledRoute<unknown>, query: RouteQuery): boolean {
  for (let i = 0; i < route.conditions.length; i++) {
    const condition = route.conditions[i];
    if (condition !== undefined && !conditionHolds(condition, query)) return false;
  }
  return true;
}
