import type { ValueMatch } from '../../../src/config/types.ts';
import type { RouteSource } from '../../../src/routing/route.ts';
import type { Request } from './route-arbitraries.ts';

/**
 * The obvious router: every route is asked by regular expressions and plain comparisons, the matching ones are sorted by a key
 * of texts. It shares nothing with the real one but the reading of the rules.
 */
export type Told =
  | { readonly kind: 'found'; readonly name: string; readonly captures: readonly string[] }
  | { readonly kind: 'method-not-allowed'; readonly allow: string }
  | { readonly kind: 'no-route' };

export function referenceMatch(routes: readonly RouteSource[], request: Request): Told {
  const matching = routes.filter((route) => matchesButMethod(route, request));
  const allowed = matching.filter((route) => route.match.methods.length === 0 || accepted(route).includes(request.method));
  // Stable, so that the file decides between equals.
  const best = allowed.toSorted((a, b) => (sortKey(a) < sortKey(b) ? 1 : sortKey(a) > sortKey(b) ? -1 : 0))[0];
  if (best !== undefined)
    return {
      kind: 'found',
      name: best.name,
      captures: pathRegex(best.match.path)
        .exec(request.path)
        ?.slice(1)
        .map((text) => text ?? '') ?? [''],
    };
  const methods = new Set(matching.flatMap(accepted));
  return methods.size === 0 ? { kind: 'no-route' } : { kind: 'method-not-allowed', allow: [...methods].sort().join(', ') };
}

export function referenceMatches(route: RouteSource, request: Request): boolean {
  return matchesButMethod(route, request) && (route.match.methods.length === 0 || accepted(route).includes(request.method));
}

function accepted(route: RouteSource): readonly string[] {
  return route.match.methods.includes('GET') ? [...new Set([...route.match.methods, 'HEAD'])] : route.match.methods;
}

function matchesButMethod({ match }: RouteSource, request: Request): boolean {
  const isHost =
    match.host === undefined ||
    (match.host.startsWith('*')
      ? request.host.endsWith(match.host.slice(1)) && request.host !== match.host.slice(1)
      : request.host === match.host);
  const isPath = request.path === '*' ? match.path === '/*' : pathRegex(match.path).test(request.path);
  return (
    isHost &&
    isPath &&
    match.headers.every(({ name, match: value }) => valueMatches(value, request.headers[name])) &&
    match.query.every(({ name, match: value }) => valueMatches(value, request.query[name]))
  );
}

function valueMatches(match: ValueMatch, value: string | undefined): boolean {
  if (match.kind === 'absent' || value === undefined) return match.kind === 'absent' && value === undefined;
  if (match.kind === 'exact') return value === match.value;
  if (match.kind === 'prefix') return value.slice(0, match.value.length) === match.value;
  return match.kind === 'present' || new RegExp(match.source).test(value);
}

function pathRegex(path: string): RegExp {
  const source = path
    .split('/')
    .slice(1)
    .map((segment, i, all) => {
      if (segment === '*' && i === all.length - 1) return '(?:/(.*))?';
      return segment === '*' || segment.startsWith('{') ? '/([^/]+)' : `/${segment}`;
    })
    .join('');
  return new RegExp(`^${source}$`);
}

/** Greater is first. `4` end, `3` literal, `2` one segment, `1` the rest. */
function sortKey({ match, priority }: RouteSource): string {
  const segments = match.path.split('/').slice(1);
  const shape = segments
    .map((segment, i) => (segment === '*' && i === segments.length - 1 ? '1' : /^[*{]/.test(segment) ? '2' : '3'))
    .join('');
  const host = match.host === undefined ? 0 : match.host.startsWith('*') ? match.host.length : 999;
  const conditions = match.headers.length + match.query.length + (match.methods.length > 0 ? 1 : 0);
  return [
    String(priority + 100).padStart(4, '0'),
    String(host).padStart(4, '0'),
    shape.endsWith('1') ? shape : `${shape}4`,
    String(conditions).padStart(3, '0'),
  ].join(' ');
}
