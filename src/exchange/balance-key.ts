import { randomBytes } from 'node:crypto';
import { hash32 } from '../base/hash32.ts';
import { type BalanceKey, isHashing } from '../config/balance-types.ts';
import type { GatewayConfig, UpstreamConfig } from '../config/types.ts';
import { cookieIn } from '../http/cookies.ts';
import { Consumers } from '../policy/consumers.ts';
import { clientAddressOf } from './client-address.ts';
import type { Exchange } from './exchange.ts';
import type { Limiting } from './limiting.ts';
import type { RoutePlan } from './plan.ts';
import { RequestView } from './request-view.ts';

/** What of a request tells its endpoint, where the balancer hashes; made ready at load. */
export type BalanceKeyPlan = {
  readonly key: BalanceKey;
  /** `null`: nobody has a name. */
  readonly consumers: Consumers | null;
};

/** Who knows a request. `''` = it has none. */
export interface BalanceKeySource {
  readonly path: string;
  field(lowerName: string): string | undefined;
  /** Name of the consumer. */
  consumer(): string;
  address(): string;
}

const SEED_BYTES = 16;

/** `null` where the upstream chooses without looking at the request. */
export function compileBalanceKey(
  upstream: UpstreamConfig | undefined,
  { consumers }: Pick<GatewayConfig, 'consumers'>,
  limiting: Limiting | null,
): BalanceKeyPlan | null {
  if (upstream === undefined || !isHashing(upstream.balance)) return null;
  const { key } = upstream.balance;
  if (key.kind !== 'consumer' || consumers === undefined) return { key, consumers: null };
  return { key, consumers: limiting?.consumers ?? new Consumers(consumers, randomBytes(SEED_BYTES)) };
}

/** Of a request without what the key names it is the client's address: all of them together would go to one endpoint. */
export function balanceText(key: BalanceKey, source: BalanceKeySource): string {
  const text = namedText(key, source);
  return text === '' ? source.address() : text;
}

function namedText(key: BalanceKey, source: BalanceKeySource): string {
  switch (key.kind) {
    case 'header':
      return source.field(key.name) ?? '';
    case 'cookie':
      return cookieIn(source.field('cookie') ?? '', key.name) ?? '';
    case 'consumer':
      return source.consumer();
    case 'ip':
      return '';
    case 'path':
      return source.path;
  }
}

/** One object a thread, turned to each request in its turn. */
class ExchangeKey implements BalanceKeySource {
  #exchange: Exchange | null = null;
  #consumers: Consumers | null = null;
  readonly #view = new RequestView();

  hash(exchange: Exchange, { key, consumers }: BalanceKeyPlan): number {
    this.#exchange = exchange;
    this.#consumers = consumers;
    const hash = hash32(balanceText(key, this));
    this.#exchange = null;
    return hash;
  }

  get path(): string {
    return this.#exchange?.facts.path ?? '';
  }

  field(lowerName: string): string | undefined {
    return this.#exchange?.facts.field(lowerName);
  }

  /** Where a limit has asked already, it is known. */
  consumer(): string {
    const known = this.#exchange?.facts.consumer ?? '';
    if (known !== '' || this.#consumers === null) return known;
    this.#view.turnTo(this.#exchange);
    const { name } = this.#consumers.who(this.#view);
    this.#view.turnTo(null);
    return name;
  }

  address(): string {
    return this.#exchange === null ? '' : clientAddressOf(this.#exchange);
  }
}

const source = new ExchangeKey();

/** 32 bits; 0 where the upstream does not look at the request. */
export function balanceKeyOf(exchange: Exchange, { balanceKey }: Pick<RoutePlan, 'balanceKey'>): number {
  return balanceKey === null ? 0 : source.hash(exchange, balanceKey);
}
