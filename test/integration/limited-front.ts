import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import type { LimitingServices } from '../../src/exchange/limiting.ts';
import { ConcurrencyTable, createConcurrencyTable } from '../../src/shm/concurrency-table.ts';
import { createLimitTable } from '../../src/shm/limit-memory.ts';
import { LimitTable } from '../../src/shm/limit-table.ts';
import { createQuotaTable, QuotaTable } from '../../src/shm/quota-table.ts';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce } from '../harness/raw-client.ts';
import { type Answer, RawOrigin } from '../harness/raw-origin.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const BYTES = 2 ** 20;
const WORKERS = 4;

/** The limits of a host, which each worker opens by its own index. */
export class HostLimits {
  readonly #limits = createLimitTable({ bytes: BYTES, seed: randomBytes(16) });
  readonly #concurrency = createConcurrencyTable({ bytes: BYTES, participants: WORKERS + 1, seed: randomBytes(16) });
  readonly #quotas = createQuotaTable({ bytes: BYTES, seed: randomBytes(16) });

  open(self: number): LimitingServices {
    return {
      limits: new LimitTable(this.#limits, self),
      concurrency: new ConcurrencyTable(this.#concurrency, self),
      quotas: new QuotaTable(this.#quotas, self),
    };
  }
}

export type LimitedFront = {
  readonly origin: RawOrigin;
  readonly front: ConfiguredFront;
  readonly host: HostLimits;
  readonly services: LimitingServices;
  /** `fields`: lines with CRLF. */
  readonly ask: (fields?: string, path?: string) => Promise<Reply>;
  readonly counted: (...labels: readonly string[]) => number;
};

export type LimitedOptions = {
  readonly engine?: Engine;
  readonly answer?: Answer;
  readonly top?: object;
  readonly listener?: object;
  readonly upstream?: object;
  readonly host?: HostLimits;
  readonly self?: number;
};

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A front with one route before an origin that answers `ok`. */
export async function openLimited(t: TestContext, route: object, options: LimitedOptions = {}): Promise<LimitedFront> {
  const origin = await RawOrigin.answering(options.answer ?? (() => OK));
  t.after(() => origin.close());
  const host = options.host ?? new HostLimits();
  const services = host.open(options.self ?? 0);
  const front = await openConfigured(
    t,
    {
      listeners: [{ name: 'web', listen: '127.0.0.1:0', engine: options.engine ?? 'node', ...options.listener }],
      upstreams: { o: { endpoints: [origin.url], ...options.upstream } },
      routes: [{ name: 'api', upstream: 'o', ...route }],
      ...options.top,
    },
    { limiting: services },
  );
  return {
    origin,
    front,
    host,
    services,
    ask: (fields = '', path = '/') => askOnce(front.port, `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n`),
    counted: (...labels) => front.counted('sluice_limit_requests_total', ...labels),
  };
}
