import { type CidrSet, compileCidrs } from '../http/cidr.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { RequestRefusal } from '../http/refusal.ts';
import { REFUSAL_REASONS, TIMEOUT_KINDS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';

/** Why a request is refused beyond what the parser finds. */
export type GatewayRefusal = 'no-route' | 'method-not-allowed' | 'connection-limit' | 'accept-error';
export type TimeoutKind = (typeof TIMEOUT_KINDS)[number];

const SLASH = 0x2f;
const HTTPS = /^https:/i;

/** What is compiled for a listener: whom it trusts and where it counts. */
export class ListenerPlan {
  readonly config: ListenerConfig;
  readonly trusted: CidrSet;
  /** As text, for `X-Forwarded-Port`. */
  readonly proto: 'http' | 'https' = 'http';
  private readonly hasTrusted: boolean;
  private readonly metrics: MetricsWriter;
  private readonly received: MetricSlot;
  private readonly sent: MetricSlot;
  private readonly open: MetricSlot;
  private readonly accepted: MetricSlot;
  private readonly refusals: ReadonlyMap<string, MetricSlot>;
  private readonly timeouts: ReadonlyMap<string, MetricSlot>;

  constructor(config: ListenerConfig, metrics: MetricsWriter) {
    const labels = { listener: config.name };
    this.config = config;
    this.trusted = compileCidrs(config.trustedProxies);
    this.hasTrusted = config.trustedProxies.length > 0;
    this.metrics = metrics;
    this.received = metrics.slot('sluice_client_received_bytes_total', labels);
    this.sent = metrics.slot('sluice_client_sent_bytes_total', labels);
    this.open = metrics.slot('sluice_client_connections', labels);
    this.accepted = metrics.slot('sluice_client_connections_accepted_total', labels);
    this.refusals = new Map(
      REFUSAL_REASONS.map((reason) => [reason, metrics.slot('sluice_refused_requests_total', { ...labels, reason })]),
    );
    this.timeouts = new Map(TIMEOUT_KINDS.map((kind) => [kind, metrics.slot('sluice_timeouts_total', { kind })]));
  }

  isTrusted(address: string): boolean {
    return this.hasTrusted && this.trusted.has(address);
  }

  /**
   * An https target must come over a connection that is secured for it (RFC 9110 7.4), unless a trusted gateway, which had it
   * so, hands it on. Only a target in absolute-form names its scheme.
   */
  isMisdirected(target: string, peerAddress: string): boolean {
    return target.charCodeAt(0) !== SLASH && this.proto === 'http' && HTTPS.test(target) && !this.isTrusted(peerAddress);
  }

  countReceived(bytes: number): void {
    this.metrics.add(this.received, bytes);
  }

  countSent(bytes: number): void {
    this.metrics.add(this.sent, bytes);
  }

  countConnection(): void {
    this.metrics.increment(this.accepted);
  }

  setConnections(count: number): void {
    this.metrics.set(this.open, count);
  }

  countRefused(reason: RequestRefusal | GatewayRefusal): void {
    const slot = this.refusals.get(reason);
    if (slot !== undefined) this.metrics.increment(slot);
  }

  countTimeout(kind: TimeoutKind): void {
    const slot = this.timeouts.get(kind);
    if (slot !== undefined) this.metrics.increment(slot);
  }
}
