import { connect, type LookupFunction } from 'node:net';
import { errorCode } from '../network-error.ts';
import type { Probe } from './probe.ts';

/** Passed when a connection can be made. */
export function probeTcp(lookup: LookupFunction): Probe {
  return ({ host, port }, done) => {
    const socket = connect({ host, port, lookup });
    socket.on('connect', () => done({ isGood: true, reason: 'connected' }));
    socket.on('error', (error) => done({ isGood: false, reason: errorCode(error) }));
    return () => socket.destroy();
  };
}
