import type { ActiveHealthConfig } from '../../config/health-types.ts';
import { lookupWithin } from '../name-cache.ts';
import { probeGrpc } from './grpc-probe.ts';
import { probeHttp } from './http-probe.ts';
import { probeTcp } from './tcp-probe.ts';

export type ProbeAddress = { readonly host: string; readonly port: number };

/** `reason`: what was found, for people. */
export type ProbeOutcome = { readonly isGood: boolean; readonly reason: string };

/**
 * Asks once; the returned function closes what was opened, and whoever asks calls it when he has his answer. The first call of `done` counts.
 * A connection is made for one question: that one can be made belongs to being well, and nobody holds idle ones.
 */
export type Probe = (address: ProbeAddress, done: (outcome: ProbeOutcome) => void) => () => void;

export function makeProbe({ question, timeoutMs }: Pick<ActiveHealthConfig, 'question' | 'timeoutMs'>): Probe {
  const lookup = lookupWithin(timeoutMs);
  switch (question.kind) {
    case 'http':
      return probeHttp(question, lookup);
    case 'tcp':
      return probeTcp(lookup);
    case 'grpc':
      return probeGrpc(question.service, lookup);
  }
}
