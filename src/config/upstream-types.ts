import type { EndpointConfig, UpstreamConfig } from './types.ts';

/** What upstreams that fail, move or share their load have beyond the connections to them. `undefined` everywhere: not used. */

/** An endpoint that may be asked now. `slot`: its place in the memory of endpoints; -1 where its upstream has no state there. */
export type EndpointState = EndpointConfig & { readonly slot: number };

/** Whether an upstream has state that all workers share: one that has not picks by itself, and costs nothing more. */
export function hasState({
  breaker,
  extraLoad,
  resources,
  health,
  discovery,
  retry,
  hedge,
  balance,
  zone,
  endpoints,
}: UpstreamConfig): boolean {
  const isWanted = [breaker, extraLoad, resources, health, discovery, retry, hedge].some((setting) => setting !== undefined);
  const isPlain =
    balance.method === 'round-robin' && balance.slowStartMs === 0 && zone === '' && endpoints.every(({ priority }) => priority === 0);
  return isWanted || !isPlain;
}
