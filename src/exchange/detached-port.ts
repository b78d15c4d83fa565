import type { Loan } from '../upstream/sink.ts';
import type { ClientPort } from './client-port.ts';

/** The client of an exchange that has none, or none any more: takes everything, which goes nowhere. Knows who it stands for. */
export class DetachedPort implements ClientPort {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly canInform = false;
  readonly isFull = false;

  constructor({ remoteAddress, remotePort, localPort }: ClientPort) {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.localPort = localPort;
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
  finish(): void {}
  cut(): void {}
  writeInformational(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  closeAfter(): void {}
}
