import type { Loan } from '../upstream/sink.ts';
import type { ClientPort } from './client-port.ts';

/** The client of an exchange that has none (any more): takes everything and goes nowhere. */
class DetachedPort implements ClientPort {
  readonly remoteAddress = '';
  readonly remotePort = 0;
  readonly localPort = 0;
  readonly canInform = false;
  readonly isFull = false;
  writeHead(): void {}
  writeBody(): Loan {
    return 'released';
  }
  lendBody(): Loan {
    return 'released';
  }
  writeOut(): void {}
  finish(): void {}
  cut(): void {}
  writeInformational(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  closeAfter(): void {}
}

export const DETACHED_PORT: ClientPort = new DetachedPort();
