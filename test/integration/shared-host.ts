import type { TestContext } from 'node:test';
import type { Filter } from '../../src/exchange/filters.ts';
import { type Answer, RawOrigin } from '../harness/raw-origin.ts';
import { askOnce } from '../harness/raw-client.ts';
import type { Reply } from '../harness/http-reply.ts';
import { waitFor } from '../harness/wait-for.ts';
import { hostCache } from './cached-front.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const MIB = 2 ** 20;
export const PATIENCE_MS = 60_000;

export type Asked = {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  /** Whole lines. */
  readonly fields?: string;
  /** Of the front. */
  readonly on?: 0 | 1;
};

/** Two workers of one host, in front of an origin that counts what it is asked. */
export type SharedHost = {
  readonly origin: RawOrigin;
  readonly fronts: readonly [ConfiguredFront, ConfiguredFront];
  /** How many requests the origin had. */
  readonly asked: () => number;
  readonly ask: (asked?: Asked) => Promise<Reply>;
  /** As many at once, over both workers. */
  readonly herd: (count: number, asked?: Asked) => Promise<Reply>[];
  /** So many requests are with the gateway, and as many of them wait for another's as is said. */
  readonly gathered: (inFlight: number, waiting: number) => Promise<unknown>;
  readonly counted: (name: string, ...labels: readonly string[]) => number;
  /** What the coordinator does when the worker has died: for the others it has. */
  readonly mourn: (self: 0 | 1) => void;
};

export type SharedHostOptions = {
  readonly dedupe?: object | true;
  readonly route?: object;
  readonly upstream?: object;
  readonly engine?: 'node' | 'uws';
  readonly bytes?: number;
  readonly listeners?: readonly object[];
  /** Top-level keys beside. */
  readonly config?: object;
  readonly filters?: Readonly<Record<string, Filter>>;
};

export function message({ method = 'GET', path = '/a', body, fields = '' }: Asked): string {
  const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: a.example\r\n${fields}${length}\r\n${body ?? ''}`;
}

export async function openShared(t: TestContext, answer: Answer, options: SharedHostOptions = {}): Promise<SharedHost> {
  const { dedupe = true, route = {}, upstream = {}, engine = 'node', bytes = 32 * MIB, filters = {} } = options;
  const { listeners = [{ name: 'web', listen: '127.0.0.1:0', engine }] } = options;
  const origin = await RawOrigin.answering(answer);
  t.after(() => origin.close());
  const host = hostCache(bytes, true);
  const config = {
    ...options.config,
    listeners,
    upstreams: { o: { endpoints: [origin.url], forwardCredentials: true, ...upstream } },
    routes: [{ name: 'all', match: '/*', upstream: 'o', dedupe, ...route }],
  };
  const open = (self: number): Promise<ConfiguredFront> => openConfigured(t, config, { caching: host.open(self), filters });
  const fronts = [await open(0), await open(1)] as const;
  const ask = (asked: Asked = {}): Promise<Reply> => askOnce(fronts[asked.on ?? 0].port, message(asked), PATIENCE_MS);
  const sum = (of: (front: ConfiguredFront) => number): number => fronts.reduce((total, front) => total + of(front), 0);
  return {
    origin,
    fronts,
    asked: () => origin.requests.length,
    ask,
    herd: (count, asked = {}) => Array.from({ length: count }, (_, i) => ask({ ...asked, on: i % 2 === 0 ? 0 : 1 })),
    gathered: (inFlight, waiting) =>
      waitFor(
        `${inFlight} are here, ${waiting} of them wait`,
        () => sum(({ gateway }) => gateway.inFlight) === inFlight && sum(({ gateway }) => gateway.waits.size) === waiting,
      ),
    counted: (name, ...labels) => sum((front) => front.counted(name, ...labels)),
    mourn: (self) => {
      const { store, flights } = host.open(2);
      store.recover(self);
      flights?.recover(self);
    },
  };
}

/** An origin that answers each request with a number of its own, when it is told. */
export function held(make: (index: number) => string): { readonly answer: Answer; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { answer: (_, index) => promise.then(() => make(index)), open: resolve };
}

export function numbered(index: number, fields = ''): string {
  const body = `run ${index}`;
  return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** `409 duplicate-in-progress`. */
export function problemOf(reply: Reply): string {
  return `${reply.status} ${JSON.parse(reply.text).type.replace('urn:sluice:problem:', '')}`;
}
