import type { GatewayConfig } from '../config/types.ts';

const VARIABLE = 'UWS_HTTP_MAX_HEADERS_SIZE';

/** The longest head that a uws listener is to take, in bytes; 0 where there is no such listener. */
export function maxUwsHeadBytes({ listeners }: GatewayConfig): number {
  return Math.max(0, ...listeners.filter(({ engine }) => engine === 'uws').map(({ limits }) => limits.maxHeadBytes));
}

/**
 * To be called on the main thread before a worker loads uWebSockets.js: the addon asks the process's environment once, when it
 * is loaded first, and a worker's `process.env` is a copy that it does not see. Without it heads end at 4096 bytes.
 */
export function allowUwsHeads(config: GatewayConfig): void {
  const bytes = maxUwsHeadBytes(config);
  if (bytes > 0) process.env[VARIABLE] = String(bytes);
}
