import type { LoopClock } from '../base/clock.ts';
import type { Breaker } from '../upstream/breaker.ts';
import { PASS } from '../upstream/breaker-cell.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { isEndpointsFault, type EndpointWatch, type TryKind } from '../upstream/endpoint-watch.ts';
import type { FailureKind } from '../upstream/failure.ts';
import type { HostLimit, HostLimits } from '../upstream/host-limits.ts';
import type { Target } from '../upstream/target.ts';

/**
 * What one try has taken, and whom its outcome is owed: the endpoint's watch, the breakers that let it pass, its places among what the upstream may
 * have at once. Each is told once, however the try ends.
 */
export class TryAccount {
  private readonly clock: LoopClock;
  /** `null`: it has ended, or its upstream has no state. */
  private watch: EndpointWatch | null = null;
  private beganMs = 0;
  /** `null`: they have been told, or there is none. */
  private breaker: Breaker | null = null;
  private ticket = PASS;
  private service: Breaker | null = null;
  private serviceTicket = PASS;
  private requests: HostLimit | null = null;
  private retries: HostLimit | null = null;

  constructor(clock: LoopClock) {
    this.clock = clock;
  }

  get isOpen(): boolean {
    return this.watch !== null;
  }

  /** `target` has just been chosen by `cluster`. */
  begin(cluster: Cluster, { watch }: Target, kind: TryKind): void {
    this.watch = watch;
    if (watch === null || cluster.state === null) return;
    const { choice, breaker } = cluster.state;
    this.breaker = watch.breaker;
    this.ticket = choice.ticket;
    this.service = breaker;
    this.serviceTicket = choice.serviceTicket;
    this.beganMs = this.clock.nowMs;
    watch.begin(kind);
    if (kind === 'first') cluster.state.extra.countFirst();
  }

  /** Whether the upstream may have one more, over the whole host. `isExtra`: it is a retry or a hedge. */
  acquire({ requests, retries }: HostLimits, isExtra: boolean): boolean {
    if (requests?.acquire() === false) return false;
    if (isExtra && retries?.acquire() === false) {
      requests?.release();
      return false;
    }
    this.requests = requests;
    this.retries = isExtra ? retries : null;
    return true;
  }

  /** The head of an answer has come, now. */
  onAnswer(status: number): void {
    const { clock, watch, breaker, service } = this;
    if (watch === null) return;
    const ms = clock.nowMs - this.beganMs;
    watch.onAnswer(status, ms);
    if (breaker?.isFailure(status, ms)) breaker.onFailure(this.ticket, clock.hostMs);
    else breaker?.onSuccess(this.ticket);
    if (service?.isFailure(status, ms)) service.onFailure(this.serviceTicket, clock.hostMs);
    else service?.onSuccess(this.serviceTicket);
    this.forgetBreakers();
  }

  onFailure(kind: FailureKind): void {
    this.watch?.onFailure(kind);
    // Else it says nothing of the endpoint, as one that is given up says nothing.
    if (!isEndpointsFault(kind)) return;
    this.breaker?.onFailure(this.ticket, this.clock.hostMs);
    this.service?.onFailure(this.serviceTicket, this.clock.hostMs);
    this.forgetBreakers();
  }

  end(): void {
    this.requests?.release();
    this.retries?.release();
    this.requests = null;
    this.retries = null;
    const { watch } = this;
    if (watch === null) return;
    const ms = this.clock.nowMs - this.beganMs;
    this.breaker?.onAbandoned(this.ticket, ms);
    this.service?.onAbandoned(this.serviceTicket, ms);
    this.forgetBreakers();
    this.beganMs = 0;
    this.watch = null;
    watch.end();
  }

  private forgetBreakers(): void {
    this.breaker = null;
    this.service = null;
    this.ticket = PASS;
    this.serviceTicket = PASS;
  }
}
