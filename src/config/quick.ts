import { assert } from '../base/assert.ts';
import { parseConfigObject, type LoadResult } from './load.ts';
import type { ConfigInput } from './schema.ts';
import type { GatewayConfig } from './types.ts';

export type QuickOptions = { readonly to: string; readonly listen: string };

/**
 * One listener, one upstream that gets the client's credentials, one route for everything: what `sluice start --to URL
 * --listen ADDR` means. Its problems name the option they come from.
 */
export function quickLoad({ to, listen }: QuickOptions): LoadResult {
  const input: ConfigInput = {
    listeners: [{ name: 'web', listen }],
    upstreams: { origin: { endpoints: [to], forwardCredentials: true } },
    routes: [{ name: 'all', match: '/*', upstream: 'origin' }],
  };
  const result = parseConfigObject(input, { fileName: 'command line', env: {} });
  if (result.kind === 'ok') return result;
  const optionOf = (path: string): string => (path.startsWith('upstreams') ? '--to' : path.startsWith('listeners') ? '--listen' : path);
  return { kind: 'bad', problems: result.problems.map((problem) => ({ ...problem, path: optionOf(problem.path) })) };
}

/** As `quickLoad`, for arguments that are known to be good. */
export function quickConfig(options: QuickOptions): GatewayConfig {
  const result = quickLoad(options);
  assert(result.kind === 'ok', `"${options.listen}" and "${options.to}" are an address and a URL`);
  return result.config;
}
