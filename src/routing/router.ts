import { assert } from '../base/assert.ts';
import { Captures } from './captures.ts';
import { literalAt, PathTree, segmentEnd, type TreeNode } from './path-tree.ts';
import type { RouteQuery } from './query.ts';
import { CompiledRoute, compareRoutes, conditionsHold, type Found, methodHolds, parseRoute, type RouteEntry } from './route.ts';

export type { RouteQuery } from './query.ts';

export type MatchResult<T> =
  /** Lent until the next `match`: its captures are overwritten then. */
  | Found<T>
  | { readonly kind: 'no-route' }
  /** Routes match but for the method; `allow` is the value of the `Allow` field (RFC 9110 10.2.1). */
  | { readonly kind: 'method-not-allowed'; readonly allow: string };

/** All routes of one priority. `null` where there are none of a kind, so that most requests skip the step. */
type Tier<T> = {
  readonly priority: number;
  hosts: Map<string, PathTree<T>> | null;
  /** By `.example.com`. */
  suffixes: Map<string, PathTree<T>> | null;
  anyHost: PathTree<T> | null;
};

const NO_ROUTE = Object.freeze({ kind: 'no-route' });

/** Compiles the routes into the order of asking. Throws on a route with a problem that `checkRoutes` reports. */
export function compileRoutes<T>(entries: readonly RouteEntry<T>[]): readonly CompiledRoute<T>[] {
  const parsed = entries.map((entry) => {
    const route = parseRoute(entry);
    assert(route.kind === 'ok', `route ${entry.name} has been checked`);
    return { entry, parts: route.parts };
  });
  const captures = new Captures(Math.max(1, ...parsed.map(({ parts }) => parts.pattern.captures.length)));
  return parsed.map(({ entry, parts }, order) => new CompiledRoute(entry, order, parts, captures)).sort(compareRoutes);
}

/**
 * Finds the first route, in the order of `compareRoutes`, that a request matches. Built once a plan; a match allocates nothing
 * unless conditions must decode a query or more than a few literals stand side by side. Not reentrant.
 */
export class Router<T> {
  /** In the order of asking. */
  readonly routes: readonly CompiledRoute<T>[];
  readonly #tiers: Tier<T>[] = [];
  readonly #captures: Captures;
  /** Routes that failed by the method alone, for `Allow`; reset by each match. */
  readonly #refused: CompiledRoute<T>[] = [];

  constructor(entries: readonly RouteEntry<T>[]) {
    this.routes = compileRoutes(entries);
    this.#captures = this.routes[0]?.found.captures ?? new Captures(1);
    for (const route of this.routes) this.#treeFor(route).add(route);
  }

  match(query: RouteQuery): MatchResult<T> {
    this.#captures.path = query.path;
    if (this.#refused.length > 0) this.#refused.length = 0;
    for (let i = 0; i < this.#tiers.length; i++) {
      const tier = this.#tiers[i];
      const route = tier === undefined ? null : this.#matchTier(tier, query);
      if (route !== null) return route.found;
    }
    return this.#refused.length === 0 ? NO_ROUTE : { kind: 'method-not-allowed', allow: allowOf(this.#refused) };
  }

  #matchTier(tier: Tier<T>, query: RouteQuery): CompiledRoute<T> | null {
    if (tier.hosts !== null) {
      const tree = tier.hosts.get(query.host);
      const route = tree === undefined ? null : this.#matchTree(tree, query);
      if (route !== null) return route;
    }
    if (tier.suffixes !== null) {
      const route = this.#matchSuffixes(tier.suffixes, query);
      if (route !== null) return route;
    }
    return tier.anyHost === null ? null : this.#matchTree(tier.anyHost, query);
  }

  /** Longest first; the name itself is not among its own suffixes. */
  #matchSuffixes(suffixes: Map<string, PathTree<T>>, query: RouteQuery): CompiledRoute<T> | null {
    const { host } = query;
    for (let dot = host.indexOf('.', 1); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const tree = suffixes.get(host.substring(dot));
      const route = tree === undefined ? null : this.#matchTree(tree, query);
      if (route !== null) return route;
    }
    return null;
  }

  #matchTree(tree: PathTree<T>, query: RouteQuery): CompiledRoute<T> | null {
    const { path } = query;
    if (tree.exact !== null) {
      const routes = tree.exact.get(path);
      const route = routes === undefined ? null : this.#choose(routes, query);
      if (route !== null) return route;
    }
    // The asterisk-form is no path: only a pattern without segments takes it.
    return this.#walk(tree.root, path === '*' ? path.length + 1 : 1, 0, query);
  }

  /**
   * `at` is where the next segment begins, beyond the end when the path is used up; `taken` is the number of captures so far.
   * The order of the steps is that of `comparePatterns`. Each node is visited at most once a match.
   */
  #walk(node: TreeNode<T>, at: number, taken: number, query: RouteQuery): CompiledRoute<T> | null {
    const { path } = query;
    if (at > path.length) return this.#choose(node.end, query) ?? this.#take(node, path.length, taken, query);
    const literal = literalAt(node, path, at);
    if (literal !== null) {
      const route = this.#walk(literal, at + literal.text.length + 1, taken, query);
      if (route !== null) return route;
    }
    if (node.capture !== null) {
      const end = segmentEnd(path, at);
      if (end > at) {
        this.#captures.bounds[taken * 2] = at;
        this.#captures.bounds[taken * 2 + 1] = end;
        const route = this.#walk(node.capture, end + 1, taken + 1, query);
        if (route !== null) return route;
      }
    }
    return this.#take(node, at, taken, query);
  }

  /** The last `*` takes the path from `at` on. */
  #take(node: TreeNode<T>, at: number, taken: number, query: RouteQuery): CompiledRoute<T> | null {
    if (node.tail.length === 0) return null;
    this.#captures.bounds[taken * 2] = at;
    this.#captures.bounds[taken * 2 + 1] = query.path.length;
    return this.#choose(node.tail, query);
  }

  #choose(routes: readonly CompiledRoute<T>[], query: RouteQuery): CompiledRoute<T> | null {
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i];
      if (route === undefined || !conditionsHold(route, query)) continue;
      if (methodHolds(route, query.method)) return route;
      this.#refused.push(route);
    }
    return null;
  }

  /** Routes come in the order of asking, so tiers come by falling priority. */
  #treeFor(route: CompiledRoute<T>): PathTree<T> {
    let tier = this.#tiers.at(-1);
    if (tier === undefined || tier.priority !== route.priority) {
      tier = { priority: route.priority, hosts: null, suffixes: null, anyHost: null };
      this.#tiers.push(tier);
    }
    switch (route.host.kind) {
      case 'any':
        tier.anyHost ??= new PathTree();
        return tier.anyHost;
      case 'exact':
        tier.hosts ??= new Map();
        return treeIn(tier.hosts, route.host.host);
      case 'suffix':
        tier.suffixes ??= new Map();
        return treeIn(tier.suffixes, route.host.suffix);
    }
  }
}

function treeIn<T>(trees: Map<string, PathTree<T>>, key: string): PathTree<T> {
  const known = trees.get(key);
  if (known !== undefined) return known;
  const tree = new PathTree<T>();
  trees.set(key, tree);
  return tree;
}

function allowOf(refused: readonly CompiledRoute<unknown>[]): string {
  return [...new Set(refused.flatMap((route) => route.methods))].sort().join(', ');
}
