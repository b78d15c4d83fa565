import type { PathPattern } from './pattern.ts';
import type { RouteQuery } from './query.ts';
import { type CompiledRoute, type HostPattern, methodHolds } from './route.ts';
import { conditionHolds, describeCondition } from './value-match.ts';

/** Why one route has or has not the request; in the order of asking. */
export type RouteVerdict = {
  readonly name: string;
  readonly line: number;
  readonly outcome: 'chosen' | 'behind' | 'host' | 'path' | 'method' | 'header' | 'query';
  /** A sentence for people: what does not match, or what is before it and why. */
  readonly reason: string;
};

/**
 * Every route in the order of asking, and why it has the request or not. Slow and obvious on purpose: it shares no search with
 * the router, and a test holds the two against each other. `routes` are a router's.
 */
export function explainMatch(routes: readonly CompiledRoute<unknown>[], query: RouteQuery): readonly RouteVerdict[] {
  let chosen: CompiledRoute<unknown> | undefined;
  return routes.map((route) => {
    const mismatch = mismatchOf(route, query);
    if (mismatch !== undefined) return { name: route.name, line: route.line, ...mismatch };
    if (chosen !== undefined)
      return { name: route.name, line: route.line, outcome: 'behind', reason: `${chosen.name} is before it: ${whyBefore(chosen, route)}` };
    chosen = route;
    return { name: route.name, line: route.line, outcome: 'chosen', reason: 'the first that matches' };
  });
}

function mismatchOf(route: CompiledRoute<unknown>, query: RouteQuery): Pick<RouteVerdict, 'outcome' | 'reason'> | undefined {
  if (!hostMatches(route.host, query.host))
    return { outcome: 'host', reason: `host ${query.host || '(none)'} is not ${hostText(route.host)}` };
  if (!pathMatches(route.pattern, query.path))
    return { outcome: 'path', reason: `path ${query.path} does not match ${route.pattern.source}` };
  for (const condition of route.conditions) {
    if (!conditionHolds(condition, query)) return { outcome: condition.on, reason: `not so: ${describeCondition(condition)}` };
  }
  if (!methodHolds(route, query.method)) return { outcome: 'method', reason: `method ${query.method} is not ${route.methods.join(', ')}` };
  return undefined;
}

function hostMatches(pattern: HostPattern, host: string): boolean {
  if (pattern.kind === 'any') return true;
  return pattern.kind === 'exact' ? host === pattern.host : host.endsWith(pattern.suffix) && host.length > pattern.suffix.length;
}

function hostText(pattern: HostPattern): string {
  if (pattern.kind === 'any') return 'any';
  return pattern.kind === 'exact' ? pattern.host : `*${pattern.suffix}`;
}

function pathMatches(pattern: PathPattern, path: string): boolean {
  const segments = path === '*' ? [] : path.slice(1).split('/');
  const hasLength = pattern.hasTail ? segments.length >= pattern.segments.length : segments.length === pattern.segments.length;
  return (
    hasLength && pattern.segments.every((segment, i) => (segment.kind === 'literal' ? segments[i] === segment.text : segments[i] !== ''))
  );
}

function whyBefore(winner: CompiledRoute<unknown>, other: CompiledRoute<unknown>): string {
  if (winner.priority !== other.priority) return `priority ${winner.priority} against ${other.priority}`;
  if (hostText(winner.host) !== hostText(other.host)) return `host ${hostText(winner.host)} is more specific than ${hostText(other.host)}`;
  if (winner.pattern.source !== other.pattern.source) return `path ${winner.pattern.source} goes before ${other.pattern.source}`;
  const count = (route: CompiledRoute<unknown>): number => route.conditions.length + (route.methods.length > 0 ? 1 : 0);
  return count(winner) > count(other) ? 'it has more conditions' : `it stands first in the file (line ${winner.line})`;
}
