import { parseEndpoint } from '../../config/address.ts';
import type { EndpointConfig } from '../../config/types.ts';

/** Asks for the endpoints of an upstream, again and again from `start` to `stop`. After `stop` nothing is told any more. */
export interface DiscoverySource {
  start(): void;
  stop(): void;
}

/** Who wants to know. Each answer is told, whether anything is new in it or not; an empty one too. */
export type SourceListener = {
  onEndpoints(endpoints: readonly EndpointConfig[]): void;
  /** `reason`: for people. It is asked again. */
  onProblem(reason: string): void;
};

/** What one endpoint found has beside its address. */
export type Standing = { readonly weight: number; readonly priority: number; readonly zone: string };

export const USUAL: Standing = { weight: 1, priority: 0, zone: '' };

/** An endpoint that was found: names and addresses, of IPv6 without brackets. */
export function found(host: string, port: number, standing: Standing = USUAL): EndpointConfig {
  const name = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${name}:${port}`, host, port, ...standing };
}

/** The same of an address that somebody else wrote: none where it cannot be one. */
export function endpointOf(host: string, port: number, standing: Standing): EndpointConfig[] {
  const endpoint = found(host, port, standing);
  const parsed = parseEndpoint(endpoint.url, 1);
  return parsed.kind === 'ok' && Number.isInteger(port) && port > 0 ? [{ ...endpoint, host: parsed.value.host }] : [];
}
