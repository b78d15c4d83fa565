import type { Problem } from '../config/problem.ts';
import type { RouteConfig } from '../config/types.ts';
import { compileRewrite } from './rewrite.ts';
import { parseRoute } from './route.ts';
import { findShadowed } from './shadow.ts';

/** `Problem` without the file, which only the caller knows. */
export type RouteFinding = Omit<Problem, 'file'>;
/** With a problem no router can be built; a warning is about a route that gets no request. */
export type CheckedRoutes = { readonly problems: readonly RouteFinding[]; readonly warnings: readonly RouteFinding[] };

/** What can be said of the routes at load: patterns, regular expressions and templates that are wrong, routes that are never reached. */
export function checkRoutes(routes: readonly RouteConfig[]): CheckedRoutes {
  const problems = routes.flatMap((route, index) => problemsOf(route, `routes[${index}]`));
  return { problems, warnings: problems.length > 0 ? [] : warningsOf(routes) };
}

function problemsOf(route: RouteConfig, path: string): readonly RouteFinding[] {
  const parsed = parseRoute(route);
  if (parsed.kind === 'bad') {
    return parsed.problems.map(({ where, column, message }) => findingAt(route, `${path}.match.${where}`, message, column));
  }
  const rewrite = compileRewrite(parsed.parts.pattern, route);
  return rewrite.kind === 'bad' ? [findingAt(route, `${path}.rewrite`, rewrite.message, rewrite.column)] : [];
}

/** The file's line and column are those of the route; the column within a pattern is told in words. */
function findingAt(route: RouteConfig, path: string, message: string, column: number | undefined): RouteFinding {
  return { line: route.line, column: 1, path, message: column === undefined ? message : `${message} (at its character ${column})` };
}

function warningsOf(routes: readonly RouteConfig[]): readonly RouteFinding[] {
  return findShadowed(routes).map(({ line, index, message }) => ({ line, column: 1, path: `routes[${index}]`, message }));
}
