import { compileRoutes } from './router.ts';
import type { PathPattern, Segment } from './pattern.ts';
import type { CompiledRoute, HostPattern, RouteSource } from './route.ts';
import { type Condition, describeCondition, valueHolds } from './value-match.ts';

/** A route that no request can reach. */
export type ShadowReport = {
  readonly kind: 'never-matches' | 'shadowed' | 'ambiguous';
  /** Place in the list of routes. */
  readonly index: number;
  readonly name: string;
  readonly line: number;
  /** The route that has its requests; `undefined` for `never-matches`. */
  readonly by: { readonly name: string; readonly line: number } | undefined;
  readonly message: string;
};

/**
 * Routes that can never match, that one other route shadows, or that are the same as another, in the order of the file. Only
 * what is certain is reported: a route that several others cover together, or a regular expression that covers another, is
 * not seen. The routes must have been checked: see `check-routes.ts`.
 */
export function findShadowed(sources: readonly RouteSource[]): readonly ShadowReport[] {
  const routes = compileRoutes(sources.map((source) => ({ ...source, value: undefined })));
  const earlier = new CoverIndex();
  const reports: ShadowReport[] = [];
  for (const route of routes) {
    const report = reportOn(route, earlier);
    if (report !== undefined) reports.push(report);
    earlier.add(route);
  }
  return reports.sort((a, b) => a.index - b.index);
}

/** Routes asked earlier, by the first segment: a pattern with a literal there covers only those with the same. */
class CoverIndex {
  readonly #open: CompiledRoute<unknown>[] = [];
  readonly #byFirst = new Map<string, CompiledRoute<unknown>[]>();

  add(route: CompiledRoute<unknown>): void {
    const first = route.pattern.segments[0];
    if (first?.kind !== 'literal') {
      this.#open.push(route);
      return;
    }
    const same = this.#byFirst.get(first.text);
    if (same === undefined) this.#byFirst.set(first.text, [route]);
    else same.push(route);
  }

  coverOf(route: CompiledRoute<unknown>): CompiledRoute<unknown> | undefined {
    const first = route.pattern.segments[0];
    const same = first?.kind === 'literal' ? this.#byFirst.get(first.text) : undefined;
    return same?.find((other) => covers(other, route)) ?? this.#open.find((other) => covers(other, route));
  }
}

function reportOn(route: CompiledRoute<unknown>, earlier: CoverIndex): ShadowReport | undefined {
  const { name, line, order: index } = route;
  const contradiction = contradictionIn(route);
  if (contradiction !== undefined)
    return { kind: 'never-matches', index, name, line, by: undefined, message: `route ${name} can never match: ${contradiction}` };
  const cover = earlier.coverOf(route);
  if (cover === undefined) return undefined;
  const by = { name: cover.name, line: cover.line };
  if (cover.priority === route.priority && covers(route, cover)) {
    return {
      kind: 'ambiguous',
      index,
      name,
      line,
      by,
      message: `route ${name} matches the same requests as ${by.name} (line ${by.line}), which has them`,
    };
  }
  return {
    kind: 'shadowed',
    index,
    name,
    line,
    by,
    message: `route ${name} is shadowed by ${by.name} (line ${by.line}): every request it matches goes there`,
  };
}

/** Whether every request that `b` matches, `a` matches too. False where it is not certain. */
function covers(a: CompiledRoute<unknown>, b: CompiledRoute<unknown>): boolean {
  return (
    hostCovers(a.host, b.host) &&
    pathCovers(a.pattern, b.pattern) &&
    methodsCover(a.methods, b.methods) &&
    a.conditions.every((condition) => isImplied(condition, b))
  );
}

function hostCovers(a: HostPattern, b: HostPattern): boolean {
  if (a.kind === 'any') return true;
  if (a.kind === 'exact') return b.kind === 'exact' && a.host === b.host;
  if (b.kind === 'exact') return b.host.endsWith(a.suffix) && b.host.length > a.suffix.length;
  return b.kind === 'suffix' && b.suffix.endsWith(a.suffix);
}

function pathCovers(a: PathPattern, b: PathPattern): boolean {
  if (a.hasTail ? b.segments.length < a.segments.length : b.hasTail || b.segments.length !== a.segments.length) return false;
  return a.segments.every((segment, i) => segmentCovers(segment, b.segments[i]));
}

function segmentCovers(a: Segment, b: Segment | undefined): boolean {
  if (b === undefined) return false;
  if (a.kind === 'any') return b.kind === 'any' || b.text !== '';
  return b.kind === 'literal' && a.text === b.text;
}

function methodsCover(a: readonly string[], b: readonly string[]): boolean {
  return a.length === 0 || (b.length > 0 && b.every((method) => a.includes(method)));
}

function isImplied(condition: Condition, route: CompiledRoute<unknown>): boolean {
  return route.conditions.some((known) => known.on === condition.on && known.name === condition.name && implies(known, condition));
}

/** Whether every value that satisfies `a` satisfies `b`. False where it is not certain. */
function implies(a: Condition, b: Condition): boolean {
  if (a.kind === 'exact') return valueHolds(b, a.value);
  if (b.kind === 'present') return a.kind !== 'absent';
  if (a.kind === 'prefix' && b.kind === 'prefix') return a.value.startsWith(b.value);
  if (a.kind === 'regex' && b.kind === 'regex') return a.regex?.source === b.regex?.source;
  return a.kind === b.kind && a.kind !== 'prefix';
}

/** Two conditions of one route on the same name that no value satisfies both, or a host that no request has. */
function contradictionIn(route: CompiledRoute<unknown>): string | undefined {
  const hostFault = route.host.kind === 'any' ? undefined : faultOfHost(route.host.kind === 'exact' ? route.host.host : route.host.suffix);
  if (hostFault !== undefined) return hostFault;
  for (const [i, a] of route.conditions.entries()) {
    const clash = route.conditions.slice(i + 1).find((b) => b.on === a.on && b.name === a.name && excludes(a, b));
    if (clash !== undefined) return `${describeCondition(a)}, and ${describeCondition(clash)}`;
  }
  return undefined;
}

function faultOfHost(host: string): string | undefined {
  if (host !== host.toLowerCase()) return 'hosts are compared in lower case';
  return /:\d*$/.test(host) && !host.endsWith(']') ? 'hosts are compared without the port' : undefined;
}

/** Whether no value satisfies both. False where it is not certain. */
function excludes(a: Condition, b: Condition): boolean {
  if (a.kind === 'absent' || b.kind === 'absent') return a.kind !== b.kind;
  if (a.kind === 'exact') return !valueHolds(b, a.value);
  if (b.kind === 'exact') return !valueHolds(a, b.value);
  if (a.kind === 'prefix' && b.kind === 'prefix') return !a.value.startsWith(b.value) && !b.value.startsWith(a.value);
  return false;
}
