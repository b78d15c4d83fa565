import type { TestContext } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import type { Filter } from '../../src/exchange/filters.ts';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce } from '../harness/raw-client.ts';
import { type Answer, RawOrigin } from '../harness/raw-origin.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';
import { HostRecords } from './keyed-front.ts';

export type PostOptions = {
  readonly key?: string;
  readonly body?: string;
  readonly method?: string;
  readonly path?: string;
  readonly fields?: string;
};

/** The whole message. */
export function post({ key, body = 'pay 10', method = 'POST', path = '/pay', fields = '' }: PostOptions): string {
  const keyLine = key === undefined ? '' : `Idempotency-Key: ${key}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: a.example\r\n${keyLine}${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

type Scene = {
  readonly origin: RawOrigin;
  readonly records: HostRecords;
  readonly front: ConfiguredFront;
  readonly ask: (options: PostOptions) => Promise<Reply>;
  readonly counted: (result: string) => number;
};

type SceneOptions = {
  readonly engine?: Engine;
  readonly keyed?: object;
  readonly route?: object;
  readonly upstream?: object;
  readonly filters?: Readonly<Record<string, Filter>>;
  readonly records?: HostRecords;
};

export const numbered: Answer = (_, index) => {
  const body = `run ${index}`;
  return `HTTP/1.1 201 Created\r\nX-Origin: o\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};

export async function openScene(t: TestContext, answer: Answer = numbered, options: SceneOptions = {}): Promise<Scene> {
  const origin = await RawOrigin.answering(answer);
  t.after(() => origin.close());
  const records = options.records ?? new HostRecords(t);
  const front = await openConfigured(
    t,
    {
      listeners: [{ name: 'web', listen: '127.0.0.1:0', engine: options.engine ?? 'node' }],
      upstreams: { o: { endpoints: [origin.url], forwardCredentials: true, ...options.upstream } },
      routes: [{ name: 'pay', upstream: 'o', dedupe: { methods: [], idempotencyKey: { ...options.keyed } }, ...options.route }],
      store: '/nowhere',
    },
    { records: records.connect(t), filters: options.filters ?? {} },
  );
  return {
    origin,
    records,
    front,
    ask: (one) => askOnce(front.port, post(one)),
    counted: (result) => front.counted('sluice_idempotency_total', result),
  };
}

/** An origin that keeps its answers until it is told. */
export function held(): { readonly answer: Answer; readonly release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { answer: (request, index, connection) => promise.then(() => numbered(request, index, connection)), release: resolve };
}

export function problemOf(reply: Reply): string {
  return `${reply.status} ${JSON.parse(reply.text).type.replace('urn:sluice:problem:', '')}`;
}
