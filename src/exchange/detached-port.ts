import type { Loan } from '../upstream/sink.ts';
import type { ClientPort } from './client-port.ts';
import type { Exchange } from './exchange.ts';

/** What nobody waits for has to come at least so fast. */
const MIN_BYTES_PER_SEC = 64 * 1024;
/** The next look is the first that can tell. */
const NOT_MEASURED = -1;

/**
 * The client of an exchange that has none, or none any more: takes everything, which goes nowhere. Knows who it stands for. It has little
 * patience where nobody else reads the answer either: an origin that drips would keep a connection and memory of the store for ever, and
 * there is no client whose leaving could end that.
 */
export class DetachedPort implements ClientPort {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly canInform = false;
  readonly isFull = false;
  /** Of the next look, ms of the loop's clock. */
  deadlineMs: number;
  private readonly exchange: Exchange;
  private bytesAtLastLook: number;

  constructor(exchange: Exchange, { remoteAddress, remotePort, localPort }: ClientPort) {
    const { gateway } = exchange;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.localPort = localPort;
    this.exchange = exchange;
    this.deadlineMs = gateway.clock.nowMs + gateway.unattendedLookMs;
    this.bytesAtLastLook = this.measure();
    gateway.waits.add(this);
  }

  onTimeout(): void {
    const { exchange } = this;
    exchange.gateway.guard(exchange, () => this.look());
  }

  finish(): void {
    this.exchange.gateway.waits.delete(this);
  }

  cut(): void {
    this.exchange.gateway.waits.delete(this);
  }

  private look(): void {
    const { exchange, bytesAtLastLook } = this;
    const { gateway, plan } = exchange;
    this.deadlineMs = gateway.clock.nowMs + gateway.unattendedLookMs;
    this.bytesAtLastLook = this.measure();
    if (bytesAtLastLook === NOT_MEASURED || this.bytesAtLastLook === NOT_MEASURED) return;
    if ((this.bytesAtLastLook - bytesAtLastLook) * 1000 >= MIN_BYTES_PER_SEC * gateway.unattendedLookMs) return;
    plan?.metrics.countTimeout('unattended');
    exchange.dropUpstream();
    exchange.finish('deadline');
  }

  /** Bytes so far of an answer that is for nobody yet. Until its head is there the upstream's own limits hold. */
  private measure(): number {
    const { run, facts } = this.exchange;
    if (facts.headMs === 0 || run?.isAwaited === true) return NOT_MEASURED;
    return run?.bytesKept ?? 0;
  }

  writeHead(): void {}
  writeBody(): Loan {
    return 'released';
  }
  lendBody(): Loan {
    return 'released';
  }
  writeBodyText(): void {}
  writeOut(): void {}
  writeInformational(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  closeAfter(): void {}
}
