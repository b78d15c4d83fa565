import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEndpointList } from '../../../src/config/load-endpoints.ts';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';

const read = (upstream: object) =>
  // Test data goes through the checks of the schema, whatever its static type.
  parseConfigObject({ upstreams: { o: upstream }, routes: [{ upstream: 'o' }] } as unknown as ConfigInput, { fileName: 'test', env: {} });

const made = (discovery: object) => {
  const result = read({ discovery });
  assert.ok(result.kind === 'ok', JSON.stringify(result));
  return result.config.upstreams[0];
};

const problems = (upstream: object): string[] => {
  const result = read(upstream);
  assert.ok(result.kind === 'bad', JSON.stringify(upstream));
  return result.problems.map(({ path, message }) => `${path} ${message}`);
};

test('endpoints may be left out where discovery finds them, and nowhere else', () => {
  assert.deepEqual(made({ dns: 'orders.internal:8080' })?.endpoints, []);
  assert.deepEqual(problems({}), ['upstreams.o must have `endpoints`, or `discovery` that finds them']);
});

test('each source has its defaults', () => {
  assert.deepEqual(made({ dns: 'orders.internal:8080' })?.discovery, {
    question: { kind: 'dns', host: 'orders.internal', port: 8080, family: 'auto', servers: [] },
    refreshMs: 10_000,
    keepMs: 3_600_000,
  });
  const question = (discovery: object) => made(discovery)?.discovery?.question;
  assert.deepEqual(question({ srv: '_http._tcp.orders.internal', servers: ['127.0.0.1:8600', '[::1]:53'] }), {
    kind: 'srv',
    name: '_http._tcp.orders.internal',
    servers: ['127.0.0.1:8600', '[::1]:53'],
  });
  assert.deepEqual(question({ consul: { service: 'orders' } }), {
    kind: 'consul',
    url: 'http://127.0.0.1:8500',
    service: 'orders',
    tag: '',
    datacenter: '',
    token: '',
    isPassingOnly: true,
  });
  const account = '/var/run/secrets/kubernetes.io/serviceaccount';
  const cluster = { kind: 'kubernetes', namespace: 'default', service: 'orders' };
  assert.deepEqual(question({ kubernetes: { service: 'orders' } }), {
    ...cluster,
    url: 'https://kubernetes.default.svc',
    port: '',
    tokenFile: `${account}/token`,
    caFile: `${account}/ca.crt`,
  });
  assert.deepEqual(question({ kubernetes: { service: 'orders', url: 'http://127.0.0.1:8001/', port: 8080 } }), {
    ...cluster,
    url: 'http://127.0.0.1:8001',
    port: '8080',
    tokenFile: '',
    caFile: '',
  });
});

test('what cannot be is told with its place', () => {
  const discovery = (value: object) => problems({ discovery: value });
  assert.deepEqual(discovery({}), ['upstreams.o.discovery must have one of dns, srv, file, consul, kubernetes']);
  assert.deepEqual(discovery({ dns: 'a:80', file: 'a.yaml' }), [
    'upstreams.o.discovery.file cannot stand beside `dns`: one upstream has one source',
  ]);
  assert.deepEqual(discovery({ file: 'a.yaml', servers: ['10.0.0.1'], family: 'ipv6' }), [
    'upstreams.o.discovery.family needs `dns`',
    'upstreams.o.discovery.servers needs `dns` or `srv`',
  ]);
  assert.deepEqual(discovery({ dns: '10.0.0.1:80' }), ['upstreams.o.discovery.dns is an address, and needs no discovery']);
  for (const bad of [
    { dns: 'a' },
    { dns: 'a:0' },
    { srv: 'a b' },
    { dns: 'a:80', servers: ['ns.test'] },
    { consul: { url: 'ftp://a', service: 'a' } },
  ]) {
    assert.equal(read({ discovery: bad }).kind, 'bad', JSON.stringify(bad));
  }
});

test('a list in a file is what `endpoints` of an upstream may be, by itself or under that name', () => {
  const two = ['http://10.0.0.1', 'http://10.0.0.2:8080'];
  for (const text of [`- ${two[0]}\n- ${two[1]}\n`, JSON.stringify(two), JSON.stringify({ endpoints: two })]) {
    const list = readEndpointList(text, 'a.yaml');
    assert.ok(typeof list !== 'string', String(list));
    assert.deepEqual(
      list.map(({ host, port }) => `${host}:${port}`),
      ['10.0.0.1:80', '10.0.0.2:8080'],
    );
  }
  assert.match(String(readEndpointList('a: [', 'a.yaml')), /^a\.yaml:1:\d+: /);
  assert.match(String(readEndpointList('endpoints:\n  - https://a\n', 'a.yaml')), /^a\.yaml:2:5: endpoints\[0\]: https is not available/);
  assert.match(String(readEndpointList('', 'a.yaml')), /^a\.yaml/);
});
