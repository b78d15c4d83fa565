import type { EndpointConfig, UpstreamConfig } from './types.ts';

/** What upstreams that fail, move or share their load have beyond the connections to them. `undefined` everywhere: not used. */

/** An endpoint that may be asked now. `slot`: its place in the memory of endpoints; -1 where its upstream has no state there. */
export type EndpointState = EndpointConfig & { readonly slot: number };

/** Whether an upstream has state that all workers share: one that has not picks by itself, and costs nothing more. */
export function hasState(upstream: UpstreamConfig): boolean {
  const { balance, zone, endpoints } = upstream;
  const isPlain =
    balance.method === 'round-robin' && balance.slowStartMs === 0 && zone === '' && endpoints.every(({ priority }) => priority === 0);
  return !isPlain || hasAllowance(upstream);
}

/**
 * Whether what goes beyond first attempts is counted against an allowance. Who only says how the endpoints share the requests has asked for no
 * such thing: there what could not be sent is asked of another endpoint each time, as where nothing is said at all.
 */
export function hasAllowance({ breaker, extraLoad, resources, health, discovery, retry, hedge }: UpstreamConfig): boolean {
  return [breaker, extraLoad, resources, health, discovery, retry, hedge].some((setting) => setting !== undefined);
}
