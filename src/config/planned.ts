import { z } from 'zod';

/**
 * The keys of the whole contract that this version knows but cannot do yet. A key that arrives moves from here into its schema;
 * until then using it is an error that names what is planned, never a silent acceptance and never an "unknown key".
 */

export const PLANNED_TOP_KEYS = {
  redis: planned('limits across hosts'),
};

export const PLANNED_LISTENER_KEYS = {
  protocols: planned('HTTP/2'),
  tls: planned('TLS'),
  mode: planned('forward proxy'),
  allow: planned('forward proxy'),
};

export const PLANNED_UPSTREAM_KEYS = {
  tls: planned('TLS to upstreams'),
};

export const PLANNED_ROUTE_KEYS = {
  compose: planned('composition'),
  auth: planned('authentication'),
  transform: planned('body transforms'),
  compress: planned('compression'),
};

export const PLANNED_KEY_PARTS = { claim: planned('authentication by JWT') };

/** Values of keys that exist, by what they are planned for. */
export const PLANNED_PROTOCOL: Readonly<Record<string, string>> = { h2: 'HTTP/2 to upstreams', grpc: 'gRPC' };

export function notAvailable(feature: string): string {
  return `not available in this version of Sluice (planned: ${feature})`;
}

function planned(feature: string): z.ZodOptional<z.ZodNever> {
  return z
    .never({ error: notAvailable(feature) })
    .optional()
    .describe(`Not available in this version (planned: ${feature}).`);
}
