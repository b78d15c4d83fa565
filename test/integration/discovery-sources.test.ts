import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { discoverySchema, compileDiscovery } from '../../src/config/discovery-schema.ts';
import { makeSource } from '../../src/upstream/discovery/make-source.ts';
import { WatchedEndpoints } from '../../src/runtime/watched-endpoints.ts';
import { type DnsAnswer, type DnsRecord, DnsServer } from '../harness/dns-server.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';

/** A source as a configuration has it. `told`: each answer as `host:port weight priority zone`, sorted, or the problem. */
function open(t: TestContext, input: object) {
  const config = compileDiscovery(discoverySchema.parse(input));
  assert.ok(config !== undefined);
  const told: (readonly string[] | string)[] = [];
  const source = makeSource(
    config,
    {
      onEndpoints: (endpoints) =>
        told.push(endpoints.map(({ host, port, weight, priority, zone }) => `${host}:${port} ${weight} ${priority} ${zone}`.trim()).sort()),
      onProblem: (reason) => told.push(reason),
    },
    {
      random: () => 0,
      readText: (path) => {
        if (path.endsWith('missing')) throw new Error('no such file');
        return 'secret-token\n';
      },
      watchFile: (path, refreshMs, listener) =>
        new WatchedEndpoints(path, listener, { refreshMs, onTrouble: (where, error) => told.push(`${where} ${String(error)}`) }),
    },
  );
  t.after(() => source.stop());
  source.start();
  const last = (what: string, wanted: readonly string[] | RegExp): Promise<unknown> =>
    waitFor(what, () => {
      const now = told.at(-1);
      if (now === undefined) return false;
      return wanted instanceof RegExp ? wanted.test(String(now)) : JSON.stringify(now) === JSON.stringify(wanted);
    });
  return { told, source, last };
}

const a = (address: string, ttl = 60): DnsRecord => ({ type: 'A', ttl, address });

async function nameServer(t: TestContext, zone: Record<string, DnsAnswer>): Promise<DnsServer> {
  const server = await DnsServer.start((name, type) => zone[`${name} ${type}`] ?? []);
  t.after(() => server.close());
  return server;
}

test('dns: every address of a name is an endpoint, and IPv6 only where there is no IPv4', async (t) => {
  const zone: Record<string, DnsAnswer> = {
    'o.test A': [a('10.0.0.1'), a('10.0.0.2')],
    'o.test AAAA': [{ type: 'AAAA', ttl: 60, address: 'fd00::1' }],
    'six.test AAAA': [{ type: 'AAAA', ttl: 60, address: 'fd00::6' }],
  };
  const server = await nameServer(t, zone);
  const servers = [server.address];
  await open(t, { dns: 'o.test:8080', servers }).last('IPv4', ['10.0.0.1:8080 1 0', '10.0.0.2:8080 1 0']);
  await open(t, { dns: 'o.test:8080', servers, family: 'both' }).last('both', [
    '10.0.0.1:8080 1 0',
    '10.0.0.2:8080 1 0',
    'fd00::1:8080 1 0',
  ]);
  await open(t, { dns: 'six.test:8080', servers }).last('IPv6', ['fd00::6:8080 1 0']);
  await open(t, { dns: 'none.test:8080', servers }).last('none is an answer', []);
});

test('dns: asked again when the shortest TTL is over, or after `refresh` where that is shorter', async (t) => {
  const zone: Record<string, DnsAnswer> = { 'o.test A': [a('10.0.0.1', 1), a('10.0.0.2', 3600)] };
  const server = await nameServer(t, zone);
  const { last } = open(t, { dns: 'o.test:80', servers: [server.address], refresh: '1h' });
  await last('the first answer', ['10.0.0.1:80 1 0', '10.0.0.2:80 1 0']);
  const sinceMs = performance.now();
  zone['o.test A'] = [a('10.0.0.3', 3600)];
  await last('the second answer', ['10.0.0.3:80 1 0']);
  assert.ok(performance.now() - sinceMs > 800);
  const often = open(t, { dns: 'o.test:80', servers: [server.address], refresh: '100ms' });
  await waitFor('three answers', () => often.told.length >= 3);
});

test('dns: a failure is told and asked anew; an address family that fails keeps what it had', async (t) => {
  const zone: Record<string, DnsAnswer> = { 'o.test A': 'SERVFAIL', 'o.test AAAA': 'SERVFAIL' };
  const server = await nameServer(t, zone);
  const { last } = open(t, { dns: 'o.test:80', servers: [server.address], refresh: '100ms', family: 'both' });
  await last('it is told', /^o\.test: ESERVFAIL$/);
  zone['o.test A'] = [a('10.0.0.1')];
  zone['o.test AAAA'] = [{ type: 'AAAA', ttl: 60, address: 'fd00::1' }];
  await last('both', ['10.0.0.1:80 1 0', 'fd00::1:80 1 0']);
  zone['o.test AAAA'] = 'SERVFAIL';
  zone['o.test A'] = [a('10.0.0.2')];
  await last('half of it', ['10.0.0.2:80 1 0', 'fd00::1:80 1 0']);
  zone['o.test AAAA'] = 'NXDOMAIN';
  await last('there is none any more', ['10.0.0.2:80 1 0']);
});

test('srv: targets with their addresses, priorities by their order and weights in proportion', async (t) => {
  const srv = (target: string, priority: number, weight: number, port: number): DnsRecord => ({
    type: 'SRV',
    ttl: 5,
    priority,
    weight,
    port,
    target,
  });
  const zone: Record<string, DnsAnswer> = {
    '_http._tcp.o.test SRV': [srv('one.test', 10, 20, 8001), srv('two.test', 10, 0, 8002), srv('spare.test', 50, 40_000, 8003)],
    'one.test A': [a('10.0.0.1'), a('10.0.0.11')],
    'two.test AAAA': [{ type: 'AAAA', ttl: 60, address: 'fd00::2' }],
    'spare.test A': [a('10.0.0.3')],
  };
  const server = await nameServer(t, zone);
  const { last } = open(t, { srv: '_http._tcp.o.test', servers: [server.address], refresh: '100ms' });
  await last('all of them', ['10.0.0.11:8001 1 0', '10.0.0.1:8001 1 0', '10.0.0.3:8003 1000 1', 'fd00::2:8002 1 0']);
  zone['_http._tcp.o.test SRV'] = [srv('one.test', 10, 20, 8001), srv('two.test', 10, 5, 8002)];
  await last('in use as they are where they fit', ['10.0.0.11:8001 20 0', '10.0.0.1:8001 20 0', 'fd00::2:8002 5 0']);
  zone['one.test A'] = 'SERVFAIL';
  await last('a target that cannot be looked up', /^one\.test: ESERVFAIL$/);
  zone['_http._tcp.o.test SRV'] = [srv('', 0, 0, 0)];
  await last('no such service', []);
});

test('file: a list in YAML or JSON; what replaces it is seen, and a broken one is a problem with its place', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-discovery-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'orders.yaml');
  const replace = (text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  const { last } = open(t, { file: path, refresh: '1h' });
  await last('it is not there', /ENOENT/);
  replace('- http://10.0.0.1:8080\n- { url: "http://10.0.0.2:8080", weight: 3, priority: 1, zone: eu-1a }\n');
  await last('it is there', ['10.0.0.1:8080 1 0', '10.0.0.2:8080 3 1 eu-1a']);
  replace('- http://10.0.0.1:8080\n- { url: "http://10.0.0.2:8080", weigth: 3 }\n');
  await last('a broken one', /^orders\.yaml:2:34: \[1\]\.weigth: unknown key$/);
  replace('{"endpoints": ["http://10.0.0.3:8080"]}');
  await last('JSON', ['10.0.0.3:8080 1 0']);
  replace('[]');
  await last('an empty list', /must have at least one endpoint/);
  writeFileSync(join(folder, 'other.yaml'), '- http://10.0.0.4:8080\n');
  rmSync(path);
  symlinkSync('other.yaml', path);
  await last('a link', ['10.0.0.4:8080 1 0']);
});

/** A server whose answers are made by the test as it goes. */
async function httpServer(
  t: TestContext,
  onRequest: (target: string, peer: RawPeer, head: string) => void,
): Promise<{ readonly url: string; readonly targets: string[] }> {
  const targets: string[] = [];
  const server = await RawOrigin.answering((request, _, peer) => {
    targets.push(request.target);
    onRequest(request.target, peer, JSON.stringify(request.fields));
    return undefined;
  });
  t.after(() => server.close());
  return { url: server.url, targets };
}

function json(body: unknown, fields = ''): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${fields}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

const instance = (address: string, extra: object = {}, node = '10.9.9.9'): object => ({
  Node: { Address: node },
  Service: { Address: address, Port: 8080, ...extra },
  Checks: [],
});

test('consul: blocking queries that go on where the last one stood, with the token', async (t) => {
  const waiting: RawPeer[] = [];
  const heads: string[] = [];
  const { url, targets } = await httpServer(t, (_, peer, head) => {
    heads.push(head);
    waiting.push(peer);
  });
  const { last } = open(t, { consul: { url, service: 'orders', tag: 'v2', token: 'hush-hush' } });
  const answer = async (index: number, body: unknown): Promise<void> => {
    const peer = await waitFor('a question', () => waiting.shift());
    await peer.send(json(body, `X-Consul-Index: ${index}\r\n`));
  };
  await answer(7, [instance('10.0.0.1'), instance('', { Weights: { Passing: 5, Warning: 1 }, Meta: { zone: 'eu-1a' } })]);
  await last('two instances', ['10.0.0.1:8080 1 0', '10.9.9.9:8080 5 0 eu-1a']);
  await answer(9, [instance('10.0.0.2')]);
  await last('another one', ['10.0.0.2:8080 1 0']);
  // A snapshot was restored: the index goes back.
  await answer(3, [instance('10.0.0.3')]);
  await last('after a restored snapshot', ['10.0.0.3:8080 1 0']);
  await waitFor('the fourth question', () => targets.length >= 4 || undefined);
  assert.deepEqual(targets.slice(0, 4), [
    '/v1/health/service/orders?passing=true&tag=v2',
    '/v1/health/service/orders?passing=true&tag=v2&index=7&wait=60s',
    '/v1/health/service/orders?passing=true&tag=v2&index=9&wait=60s',
    '/v1/health/service/orders?passing=true&tag=v2',
  ]);
  assert.match(heads[0] ?? '', /x-consul-token","hush-hush/i);
});

test('consul: errors, garbage and answers that are too long are problems, and it is asked anew from the start', async (t) => {
  const answers = ['HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n', json('{]'), json(`["${'x'.repeat(2 ** 20)}"]`)];
  const { url, targets } = await httpServer(t, (_, peer) => {
    void peer.send(
      answers.shift() ?? json([instance('10.0.0.1'), instance('not a host'), { Service: { Port: 'x' } }], 'X-Consul-Index: 4\r\n'),
    );
  });
  const { told, last } = open(t, { consul: { url, service: 'orders', passingOnly: false } });
  await last('a good one at last', ['10.0.0.1:8080 1 0']);
  assert.deepEqual(told.slice(0, 3), ['consul: status 500', 'consul: the answer is no list', 'consul: the answer is longer than 1 MiB']);
  assert.deepEqual(targets.slice(0, 4), Array(4).fill('/v1/health/service/orders'));
});

const slice = (
  name: string,
  version: number,
  endpoints: readonly object[],
  ports: readonly object[] = [{ name: 'http', port: 8080 }],
): object => ({
  metadata: { name, resourceVersion: String(version) },
  addressType: 'IPv4',
  endpoints,
  ports,
});
const ready = (address: string, extra: object = {}): object => ({ addresses: [address], conditions: { ready: true }, ...extra });
const leaving = (address: string): object => ({ addresses: [address], conditions: { ready: false, serving: true, terminating: true } });

test('kubernetes: slices are listed, then watched; ready ones count, and those that end only where no other is', async (t) => {
  const heads: string[] = [];
  const peers: RawPeer[] = [];
  const { url, targets } = await httpServer(t, (target, peer, head) => {
    heads.push(head);
    if (target.includes('watch=true')) {
      peers.push(peer);
      void peer.send('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n');
    } else {
      const items = [
        slice('a', 5, [ready('10.0.0.1', { zone: 'eu-1a' }), { addresses: ['10.0.0.2'], conditions: {} }]),
        slice('b', 6, [leaving('10.0.0.9')]),
      ];
      void peer.send(json({ metadata: { resourceVersion: '10' }, items }));
    }
  });
  const { last } = open(t, { kubernetes: { url, namespace: 'shop', service: 'orders', port: 'http', tokenFile: '/token' } });
  await last('the list', ['10.0.0.1:8080 1 0 eu-1a', '10.0.0.2:8080 1 0']);
  const peer = await waitFor('a watch', () => peers[0]);
  const event = (type: string, object: object): Promise<void> => peer.send(`${JSON.stringify({ type, object })}\n`);
  await event('MODIFIED', slice('a', 11, [ready('10.0.0.3')]));
  await last('a change', ['10.0.0.3:8080 1 0']);
  await event('DELETED', slice('a', 12, []));
  await last('only one that ends is left', ['10.0.0.9:8080 1 0']);
  await event(
    'ADDED',
    slice(
      'c',
      13,
      [ready('10.0.0.4')],
      [
        { name: 'metrics', port: 9 },
        { name: 'http', port: 8081 },
      ],
    ),
  );
  await last('a new slice', ['10.0.0.4:8081 1 0']);
  await event('BOOKMARK', { metadata: { resourceVersion: '20' } });
  peer.halfClose();
  await waitFor('the watch goes on where it was', () => targets.length === 3);
  const path = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dorders';
  const watch = `${path}&watch=true&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=`;
  assert.deepEqual(targets, [path, `${watch}10`, `${watch}20`]);
  assert.match(heads[0] ?? '', /authorization","Bearer secret-token"/i);
});

test('kubernetes: a watch whose version is too old is listed anew; garbage and missing files are problems', async (t) => {
  let lists = 0;
  const { url } = await httpServer(t, (target, peer) => {
    const gone = JSON.stringify({ type: 'ERROR', object: { code: 410, message: 'too old' } });
    if (!target.includes('watch=true')) {
      lists += 1;
      void peer.send(
        lists === 1
          ? json({ kind: 'Status' })
          : json({ metadata: { resourceVersion: '1' }, items: [slice('a', 1, [ready(`10.0.0.${lists}`)])] }),
      );
    } else if (lists === 2) void peer.send('HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n');
    else if (lists === 3) void peer.send(`HTTP/1.1 200 OK\r\n\r\n${gone}\n`);
    else void peer.send('HTTP/1.1 200 OK\r\n\r\nnonsense\n');
  });
  const { told, last } = open(t, { kubernetes: { url, service: 'orders' } });
  await last('what is no event', /^kubernetes: the watch says what is no event$/);
  assert.deepEqual(told, [
    'kubernetes: the answer is no list of endpoint slices',
    ['10.0.0.2:8080 1 0'],
    ['10.0.0.3:8080 1 0'],
    ['10.0.0.4:8080 1 0'],
    'kubernetes: the watch says what is no event',
  ]);
  await open(t, { kubernetes: { url, service: 'orders', tokenFile: '/missing' } }).last('a missing file', /^kubernetes: no such file$/);
});

test('nothing is told after a source was stopped', async (t) => {
  const server = await nameServer(t, { 'o.test A': [a('10.0.0.1', 1)] });
  const { told, source, last } = open(t, { dns: 'o.test:80', servers: [server.address], refresh: '100ms' });
  await last('an answer', ['10.0.0.1:80 1 0']);
  source.stop();
  const [count, questions] = [told.length, server.questions.length];
  const other = open(t, { dns: 'o.test:80', servers: [server.address], refresh: '100ms' });
  await waitFor('the other one goes on', () => other.told.length >= 3);
  assert.equal(told.length, count);
  assert.ok(server.questions.length >= questions + 3);
});
