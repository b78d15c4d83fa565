import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Reply } from '../harness/http-reply.ts';
import type { ReceivedRequest } from '../harness/http-request.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { type Expected, KINDS, type Kind, ModelCache, type Resource, type Wish } from './cache-model.ts';
import { hostCache, openCached } from './cached-front.ts';

const PATHS = ['/a', '/b'];
const WISHES: Readonly<Record<Wish, string>> = {
  plain: '',
  'no-cache': 'Cache-Control: no-cache\r\n',
  'no-store': 'Cache-Control: no-store\r\n',
  'only-if-cached': 'Cache-Control: only-if-cached\r\n',
  authorized: 'Authorization: x\r\n',
};
const RUNS = 120;

type Get = {
  readonly op: 'get';
  readonly front: number;
  readonly path: string;
  readonly foo: string;
  readonly wish: Wish;
  readonly form: 'whole' | 'head' | 'range' | 'condition';
};
type Op =
  | Get
  | { readonly op: 'post'; readonly front: number; readonly path: string }
  | { readonly op: 'change'; readonly path: string; readonly kind: number };

const front = fc.nat({ max: 1 });
const path = fc.constantFrom(...PATHS);
const operation: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('get' as const),
      front,
      path,
      foo: fc.constantFrom('1', '2'),
      wish: fc.oneof({ weight: 4, arbitrary: fc.constant('plain' as const) }, fc.constantFrom(...(Object.keys(WISHES) as Wish[]))),
      form: fc.oneof(
        { weight: 3, arbitrary: fc.constant('whole' as const) },
        fc.constantFrom('head' as const, 'range' as const, 'condition' as const),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('post' as const), front, path }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('change' as const), path, kind: fc.nat({ max: KINDS.length - 1 }) }) },
);

const get = (foo: string): Op => ({ op: 'get', front: 0, path: '/b', foo, wish: 'plain', form: 'whole' });
/** The newer answer was validated by one that had no Date either: it stays the newer one. */
const SAME_SECOND: Op[] = [
  { op: 'change', path: '/b', kind: 4 },
  get('2'),
  { op: 'change', path: '/b', kind: 3 },
  get('1'),
  get('1'),
  get('2'),
];

const tagOf = (version: number, kind: Kind, foo: string): string => `"${version}${kind.varies ? `-${foo}` : ''}"`;
const bodyOf = (target: string, version: number, kind: Kind, foo: string): string =>
  `${target} version ${version}${kind.varies ? ` for ${foo}` : ''}`;

/** The origin, two workers before it, and a connection to each. */
class World {
  readonly resources = new Map<string, Resource>();
  readonly asked: ReceivedRequest[] = [];
  readonly clients: RawPeer[] = [];

  answer(request: ReceivedRequest): string {
    this.asked.push(request);
    if (request.method === 'POST') return 'HTTP/1.1 204 No Content\r\n\r\n';
    const { version, kind } = this.resources.get(request.target) ?? { version: 0, kind: KINDS[1] as Kind };
    const foo = request.field('Foo') ?? '';
    const tag = tagOf(version, kind, foo);
    const lines = [...kind.lines, `Version: ${version}`, ...(kind.hasTag ? [`ETag: ${tag}`] : [])].join('\r\n');
    if (kind.hasTag && request.fieldAll('If-None-Match').join(', ') === tag) return `HTTP/1.1 304 Not Modified\r\n${lines}\r\n\r\n`;
    const body = bodyOf(request.target, version, kind, foo);
    const head = `HTTP/1.1 ${kind.status} Answer\r\n${lines}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return request.method === 'HEAD' ? head : head + body;
  }

  async open(t: TestContext): Promise<void> {
    const origin = await RawOrigin.answering((request) => this.answer(request));
    const host = hostCache();
    for (const self of [0, 1]) {
      const { port } = await openCached(t, origin.url, { host, self });
      const client = await connectRaw(port);
      this.clients.push(client);
      t.after(() => client.close());
    }
    t.after(() => origin.close());
  }

  async ask(frontIndex: number, method: string, target: string, lines: string): Promise<Reply> {
    const client = this.clients[frontIndex] as RawPeer;
    await client.send(`${method} ${target} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`);
    return client.readReply(method);
  }
}

async function runGet(world: World, model: ModelCache, target: string, get: Get): Promise<void> {
  const current = world.resources.get(target) as Resource;
  const { wish, foo, form } = get;
  const tag = tagOf(current.version, current.kind, foo);
  const extra = { whole: '', head: '', range: 'Range: bytes=0-1\r\n', condition: `If-None-Match: ${tag}\r\n` }[form];
  const ruled = model.expect(wish, foo, current);
  // What is kept of an answer to HEAD may answer it.
  const expected: Expected = form === 'head' && model.knowsHead ? { kind: 'asked', isDoubtful: true } : ruled;
  const before = world.asked.length;
  const reply = await world.ask(get.front, form === 'head' ? 'HEAD' : 'GET', target, `Foo: ${foo}\r\n${WISHES[wish]}${extra}`);
  const wasAsked = world.asked.length > before;
  const told = `${reply.startLine}, asked: ${wasAsked}, ${reply.field('Cache-Status')}`;
  if (reply.status === 504) {
    assert.ok(expected.kind === 'refused' || (wish === 'only-if-cached' && expected.isDoubtful), `refused: ${told}`);
    return;
  }
  assert.notEqual(expected.kind, 'refused', told);
  const version = Number(reply.field('Version') ?? /\d+/.exec(reply.field('ETag') ?? '')?.[0]);
  checkReply(reply, { get, target, version, current, told, isOfHead: model.knowsHead });
  if (expected.kind === 'refused') return;
  // With no-store a client's own condition goes through as it came.
  const validated = wasAsked && wish !== 'no-store' && (world.asked.at(-1)?.field('If-None-Match') ?? '') === tag && current.kind.hasTag;
  if (!expected.isDoubtful) {
    const isFromStore = !wasAsked || validated;
    assert.equal(isFromStore, expected.kind === 'stored', `from the store: ${told}`);
    if (expected.kind === 'stored') assert.deepEqual([validated, version], [expected.isValidated, expected.resource.version], told);
  }
  if (wasAsked) assert.equal(version, current.version, `what was asked for is of now: ${told}`);
  if (!wasAsked) return;
  if (world.asked.at(-1)?.method === 'HEAD') model.tookHead();
  else if (!validated || expected.isDoubtful) model.took(wish, foo, current);
}

type Seen = {
  readonly get: Get;
  readonly target: string;
  readonly version: number;
  readonly current: Resource;
  readonly told: string;
  readonly isOfHead: boolean;
};

/** The answer is whole and in itself right, wherever it came from. */
function checkReply(reply: Reply, { get, target, version, current, told, isOfHead }: Seen): void {
  const isVarying = (reply.field('Vary') ?? '') === 'Foo';
  const body = `${target} version ${version}${isVarying ? ` for ${get.foo}` : ''}`;
  if (reply.status === 304) {
    assert.equal(get.form, 'condition', told);
    assert.equal(version, current.version, told);
  } else if (get.form === 'head') {
    const length = reply.field('Content-Length');
    // What is kept of an answer to HEAD has no body to measure.
    assert.ok(length === String(body.length) || (isOfHead && length === undefined), told);
  } else if (reply.status === 206) assert.deepEqual([reply.text, get.form], [body.slice(0, 2), 'range'], told);
  // An answer to HEAD without validators updates the fields of what is stored, if the length is the same (RFC 9111 4.3.5).
  else if (isOfHead) assert.match(reply.text, new RegExp(`^${target} version \\d+${isVarying ? ` for ${get.foo}` : ''}$`), told);
  else assert.equal(reply.text, body, told);
}

test('two workers and one cache behave as the model, whatever is asked and changed', async (t) => {
  const world = new World();
  await world.open(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: 40 }), async (operations) => {
      run++;
      const models = new Map(PATHS.map((name) => [name, new ModelCache()]));
      let version = 0;
      const targetOf = (name: string): string => `${name}${run}`;
      for (const name of PATHS) world.resources.set(targetOf(name), { version: ++version, kind: KINDS[0] as Kind });
      for (const op of operations) {
        const target = targetOf(op.path);
        const model = models.get(op.path) as ModelCache;
        if (op.op === 'change') world.resources.set(target, { version: ++version, kind: KINDS[op.kind] as Kind });
        else if (op.op === 'post') {
          await world.ask(op.front, 'POST', target, 'Content-Length: 0\r\n');
          model.invalidate();
        } else await runGet(world, model, target, op);
      }
    }),
    { numRuns: RUNS, includeErrorInReport: true, examples: [[SAME_SECOND]] },
  );
});
