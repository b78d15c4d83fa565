import type { GatewayConfig, RouteConfig } from '../config/types.ts';
import { explainMatch } from '../routing/explain.ts';
import { normalisePath } from '../routing/normalise.ts';
import type { RouteQuery } from '../routing/query.ts';
import { compileRoutes } from '../routing/router.ts';
import { readConfigFile } from './read-config.ts';

export type Explained = {
  readonly configPath: string;
  readonly method: string;
  /** Absolute, or a path with query. */
  readonly url: string;
  /** `name: value`. */
  readonly fields: readonly string[];
};

/** `sluice explain`: which route has the request, and why the others have not. Exit code 1 when none has. */
export async function runExplain(asked: Explained): Promise<number> {
  const read = await readConfigFile(asked.configPath);
  if (read.kind === 'bad') {
    for (const problem of read.problems) console.error(problem);
    return 1;
  }
  const query = queryOf(asked);
  if (typeof query === 'string') {
    console.error(`sluice: ${query}`);
    return 2;
  }
  const entries = read.config.routes.map((route) => ({ ...route, value: route }));
  const verdicts = explainMatch(compileRoutes(entries), query);
  for (const { name, line, outcome, reason } of verdicts) {
    const mark = outcome === 'chosen' ? '→' : ' ';
    console.log(`${mark} ${name}${line > 0 ? ` (line ${line})` : ''}: ${reason}`);
  }
  const chosen = verdicts.find(({ outcome }) => outcome === 'chosen');
  const route = read.config.routes.find(({ name }) => name === chosen?.name);
  console.log(route === undefined ? 'no route: 404 or 405' : describeRoute(route, read.config));
  return route === undefined ? 1 : 0;
}

function queryOf({ method, url, fields }: Explained): RouteQuery | string {
  if (!URL.canParse(url, 'http://host.invalid')) return `${url} is not a URL`;
  const parsed = new URL(url, 'http://host.invalid');
  const named = new Map(
    fields.map((line) => [line.split(':', 1)[0]?.trim().toLowerCase() ?? '', line.slice(line.indexOf(':') + 1).trim()]),
  );
  // The URL parser resolves dot segments; the router must see the path as it was written.
  const written = /^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(url)?.[1] ?? '/';
  const path = normalisePath(written === '' ? '/' : written);
  if (path === undefined) return `the path of ${url} climbs above its root or has a bad escape: 400`;
  const host = parsed.hostname === 'host.invalid' ? '' : parsed.hostname;
  return {
    host: (named.get('host') ?? host).toLowerCase().replace(/:\d+$/, ''),
    path,
    method: method.toUpperCase(),
    queryText: parsed.search,
    field: (name) => named.get(name),
  };
}

function describeRoute(route: RouteConfig, config: GatewayConfig): string {
  if (route.action.kind === 'respond') return `answered by the gateway: ${route.action.respond.status}`;
  const name = route.action.upstream;
  const upstream = config.upstreams.find((one) => one.name === name);
  const endpoints = upstream?.endpoints.map(({ url, weight }) => (weight === 1 ? url : `${url} (weight ${weight})`)).join(', ') ?? '';
  const lines = [
    `upstream ${name}: ${endpoints}`,
    `credentials: ${upstream?.forwardCredentials === true ? 'forwarded' : 'stripped'}`,
    `body: ${route.maxBodyBytes === 0 ? 'any size' : `at most ${route.maxBodyBytes} bytes`}; deadline: ${route.timeoutMs === 0 ? 'none' : `${route.timeoutMs} ms`}`,
  ];
  if (route.rewritePath !== undefined) lines.push(`path rewritten to ${route.rewritePath}`);
  else if (route.stripPrefix) lines.push('prefix stripped');
  if (route.filters.length > 0) lines.push(`filters: ${route.filters.map(({ module }) => module).join(', ')}`);
  return lines.join('\n');
}
