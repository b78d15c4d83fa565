import type { Exchange } from './exchange.ts';

/** The client's address, as far as the trusted proxies can be believed; `''` where there is no client. */
export function clientAddressOf({ facts, port, listener }: Exchange): string {
  return port === null || listener === null ? '' : facts.addressBehind(port.remoteAddress, listener.trusted);
}
