import { nominatedNames } from './connection-options.ts';
import { fieldValueOfKind } from './fields.ts';
import type { ForwardFacts, ForwardPolicy } from './forward.ts';
import { forwardedElement } from './forwarded.ts';
import {
  FIELD_X_FORWARDED_FOR,
  FIELD_X_FORWARDED_HOST,
  FIELD_X_FORWARDED_PORT,
  FIELD_X_FORWARDED_PROTO,
  FIELD_X_REAL_IP,
} from './known-fields.ts';
import { hasField, type RequestHead } from './request-head.ts';

/**
 * The lines that tell the origin who asks, and how. From a peer that is not trusted they are made afresh; a trusted one's
 * `X-Forwarded-For` and `Forwarded` are carried on with the peer added, its `-Proto`, `-Host` and `-Port` stay.
 */
export function identityLines(head: RequestHead, policy: ForwardPolicy, facts: ForwardFacts): string {
  const forwarded = policy.emitForwarded ? `Forwarded: ${forwardedElement(facts.peerAddress, head.authority, facts.proto)}\r\n` : '';
  if (facts.isTrustedPeer || policy.suppressed !== 0 || head.authority === '') return carriedLines(head, policy, facts) + forwarded;
  return `X-Forwarded-For: ${facts.peerAddress}\r\nX-Forwarded-Proto: ${facts.proto}\r\nX-Forwarded-Host: ${head.authority}\r\nX-Forwarded-Port: ${facts.listenerPort}\r\nX-Real-IP: ${facts.peerAddress}\r\n${forwarded}`;
}

/** The way of all other cases, one line after the other. */
function carriedLines(head: RequestHead, policy: ForwardPolicy, facts: ForwardFacts): string {
  const nominated = facts.isTrustedPeer && head.hasNominated ? nominatedNames(head) : undefined;
  const reported = (kind: number, lowerName: string): string => {
    if (!facts.isTrustedPeer || !hasField(head, kind) || nominated?.has(lowerName)) return '';
    return fieldValueOfKind(head, kind) ?? '';
  };
  const line = (kind: number, name: string, value: string): string =>
    value === '' || (policy.suppressed & (1 << kind)) !== 0 ? '' : `${name}: ${value}\r\n`;
  const chain = reported(FIELD_X_FORWARDED_FOR, 'x-forwarded-for');
  const realIp = reported(FIELD_X_REAL_IP, 'x-real-ip');
  return (
    line(FIELD_X_FORWARDED_FOR, 'X-Forwarded-For', chain === '' ? facts.peerAddress : `${chain}, ${facts.peerAddress}`) +
    line(FIELD_X_FORWARDED_PROTO, 'X-Forwarded-Proto', reported(FIELD_X_FORWARDED_PROTO, 'x-forwarded-proto') || facts.proto) +
    line(FIELD_X_FORWARDED_HOST, 'X-Forwarded-Host', reported(FIELD_X_FORWARDED_HOST, 'x-forwarded-host') || head.authority) +
    line(FIELD_X_FORWARDED_PORT, 'X-Forwarded-Port', reported(FIELD_X_FORWARDED_PORT, 'x-forwarded-port') || String(facts.listenerPort)) +
    // A trusted proxy that reports only X-Real-IP is believed; where it reports a chain, the chain tells who the client is.
    line(FIELD_X_REAL_IP, 'X-Real-IP', chain === '' && realIp !== '' ? realIp : facts.clientAddress)
  );
}
