import { clientAddressOf } from './client-address.ts';
import { type Asker, type AskerFacts, NOBODY } from '../policy/consumers.ts';
import type { LimitFacts } from '../policy/limit-key.ts';
import type { Exchange } from './exchange.ts';

/** What `policy` may see of a request. One object a thread, turned to each request in its turn. */
export class RequestView implements AskerFacts, LimitFacts {
  asker: Asker = NOBODY;
  private exchange: Exchange | null = null;

  turnTo(exchange: Exchange | null): void {
    this.exchange = exchange;
    this.asker = NOBODY;
  }

  get isFromTrustedProxy(): boolean {
    const { port, listener } = this.exchange ?? {};
    return listener?.isTrusted(port?.remoteAddress ?? '') === true;
  }

  get clientAddress(): string {
    return this.exchange === null ? '' : clientAddressOf(this.exchange);
  }

  field(lowerName: string): string | undefined {
    return this.exchange?.facts.field(lowerName);
  }

  query(name: string): string | undefined {
    const text = this.exchange?.facts.queryText ?? '';
    return text === '' ? undefined : (new URLSearchParams(text).get(name) ?? undefined);
  }
}
