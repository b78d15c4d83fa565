// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LoadResult, parseConfigObject } from '../../../src/config/load.ts';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { defineConfig } from '../../../src/config/define.ts';
import { quickConfig, quickLoad } from '../../../src/config/quick.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';

const OPTIONS = {
  fileName: 'sluice.yaml',
  env: { TOKEN: 'hunter2hunter2', WORKERS: '4', EMPTY: '', PORT: '9001', SHORT: 'x' },
  readSecret: (path: string): string => {
    if (path === 'secret') return 'from-a-file-1\n';
    throw new Error('no such file');
  },
};

function load(text: string): LoadResult {
  return loadConfig(text, OPTIONS);
}

function config(text: string): GatewayConfig {
  const result = load(text);
  assert.equal(result.kind, 'ok', result.kind === 'bad' ? result.problems.map(formatProblem).join('\n') : '');
  return result.kind === 'ok' ? result.config : assert.fail();
}

function problems(text: string): string[] {
  const result = load(text);
  return result.kind === 'bad' ? result.problems.map(formatProblem) : [];
}

/** A whole file around one setting; the lines before the routes are the caller's. */
const withRoute = (lines: string): string => `${lines}\nroutes: [{ respond: 204 }]\n`;

test('a configuration of one line has every default', () => {
  const made = config('routes: [{ respond: 404 }]');
  assert.deepEqual(made.listeners[0]?.address, { host: '127.0.0.1', port: 8080 });
  assert.deepEqual(made.listeners[0]?.limits, { maxHeadBytes: 65_536, maxTargetBytes: 16_384, maxFields: 200, maxConnections: 65_536 });
  assert.deepEqual(made.listeners[0]?.timeouts, { headMs: 10_000, keepAliveMs: 75_000, idleMs: 60_000 });
  assert.deepEqual(made.accessLog, { enabled: false, path: 'stdout' });
  assert.deepEqual(made.process, { drainTimeoutMs: 30_000, drainDelayMs: 0, stuckReportMs: 2000, stuckKillMs: 10_000 });
  assert.deepEqual(made.routes[0]?.action, { kind: 'respond', respond: { status: 404, headers: [], body: '' } });
  assert.equal(made.routes[0]?.match.path, '/*');
  assert.equal(made.workers, 0);
  assert.equal(made.admin, undefined);
  assert.equal(made.cacheMemoryBytes, 256 * 2 ** 20);
  assert.equal(made.store, undefined);
});

test('an upstream as a URL, as a list and as a mapping come to the same', () => {
  const made = config(`
upstreams:
  a: http://127.0.0.1:9001
  b: [http://127.0.0.1:9001]
  c: { endpoints: [{ url: http://127.0.0.1:9001 }] }
routes: [{ upstream: a }, { match: /b, upstream: b }, { match: { path: /c }, upstream: c }]`);
  const [a, b, c] = made.upstreams.map(({ name: _, ...rest }) => rest);
  assert.deepEqual(a, b);
  assert.deepEqual(b, c);
  assert.deepEqual(a?.pool, {
    maxConnections: 256,
    maxPending: 1024,
    pendingTimeoutMs: 10_000,
    maxRequests: 4096,
    idleTimeoutMs: 60_000,
    pipelining: 1,
  });
  assert.deepEqual(a?.timeouts, { connectMs: 2000, responseMs: 30_000, tryMs: 0, idleMs: 60_000, totalMs: 0 });
  assert.equal(a?.forwardCredentials, false);
});

test('a route carries all that the file says', () => {
  const made = config(`
upstreams: { orders: { endpoints: ["http://[::1]:9001", { url: http://b, weight: 3, priority: 0, zone: '' }], timeouts: { total: 1m } } }
routes:
  - name: orders
    match: { host: API.example.com, path: "/api/{id}/*", methods: [get, POST], headers: { X-Version: "2", X-Debug: { present: false } },
             query: { page: { regex: "^[0-9]+$" }, q: { prefix: a } } }
    upstream: orders
    rewrite: "/v1/{rest}"
    headers: { request: { set: { X-A: b }, remove: [X-Gone], allow: [Accept] }, response: { remove: [Server] } }
    redirects: rewrite
    maxBody: 10MiB
    filters: [./one.ts, { module: ./two.ts, onError: open, timeout: 50ms }]`);
  assert.deepEqual(made.upstreams[0]?.endpoints, [
    { url: 'http://[::1]:9001', host: '::1', port: 9001, weight: 1, priority: 0, zone: '' },
    { url: 'http://b', host: 'b', port: 80, weight: 3, priority: 0, zone: '' },
  ]);
  assert.deepEqual(made.routes[0], {
    name: 'orders',
    match: {
      host: 'api.example.com',
      path: '/api/{id}/*',
      methods: ['GET', 'POST'],
      headers: [
        { name: 'x-version', match: { kind: 'exact', value: '2' } },
        { name: 'x-debug', match: { kind: 'absent' } },
      ],
      query: [
        { name: 'page', match: { kind: 'regex', source: '^[0-9]+$' } },
        { name: 'q', match: { kind: 'prefix', value: 'a' } },
      ],
    },
    priority: 0,
    action: { kind: 'upstream', upstream: 'orders' },
    stripPrefix: false,
    rewritePath: '/v1/{rest}',
    requestFields: { set: [['X-A', 'b']], remove: ['x-gone'], allow: ['accept'] },
    responseFields: { set: [], remove: ['server'], allow: undefined },
    redirects: 'rewrite',
    maxBodyBytes: 10 * 2 ** 20,
    shedPriority: 'normal',
    mirror: undefined,
    faults: [],
    timeoutMs: 60_000,
    filters: [
      { module: './one.ts', onError: 'fail', timeoutMs: 10_000 },
      { module: './two.ts', onError: 'open', timeoutMs: 50 },
    ],
    cache: undefined,
    collapse: undefined,
    dedupe: undefined,
    fallback: undefined,
    limits: [],
    tiers: undefined,
    limitFields: 'draft',
    line: 4,
  });
});

test('a route that says timeout 0 has none, whatever its upstream says', () => {
  const made = config('upstreams: { a: { endpoints: [http://a], timeouts: { total: 5s } } }\nroutes: [{ upstream: a, timeout: 0 }]');
  assert.equal(made.routes[0]?.timeoutMs, 0);
});

test('with engine uws the fixed bounds of that engine are in the configuration', () => {
  const [listener] = config(withRoute('listeners: [{ listen: ":80", engine: uws }]')).listeners;
  assert.equal(listener?.limits.maxFields, 100);
  assert.equal(listener?.timeouts.keepAliveMs, 10_000);
});

test('the forms of accessLog', () => {
  const logOf = (value: string) => config(withRoute(`accessLog: ${value}`)).accessLog;
  assert.deepEqual(logOf('true'), { enabled: true, path: 'stdout' });
  assert.deepEqual(logOf('false'), { enabled: false, path: 'stdout' });
  assert.deepEqual(logOf('logs/access.log'), { enabled: true, path: 'logs/access.log' });
  assert.deepEqual(logOf('{ path: stderr }'), { enabled: true, path: 'stderr' });
  assert.deepEqual(logOf('{ enabled: false }'), { enabled: false, path: 'stdout' });
});

test('references are replaced in texts, numbers and flags', () => {
  const made = config(`
workers: "\${env:WORKERS}"
admin: { listen: ":9901", token: "\${file:secret}" }
forwarded: "\${env:FORWARDED:-true}"
serverName: "\${env:EMPTY:-edge}"
upstreams: { a: "http://127.0.0.1:\${env:PORT}" }
routes: [{ upstream: a }, { match: /lit, respond: { body: "$\${env:PORT} \${x}" } }]`);
  assert.equal(made.workers, 4);
  assert.deepEqual(made.admin, { address: { host: '0.0.0.0', port: 9901 }, token: 'from-a-file-1' });
  assert.equal(made.forwarded, true);
  assert.equal(made.serverName, 'edge');
  assert.equal(made.upstreams[0]?.endpoints[0]?.port, 9001);
  assert.deepEqual(made.routes[1]?.action, { kind: 'respond', respond: { status: 200, headers: [], body: '${env:PORT} ${x}' } });
});

test('hostile YAML is refused and ends soon', () => {
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...'bcdefgh'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`),
  ];
  for (const text of [
    bomb.join('\n'),
    'routes: &a [*a]',
    `routes: ${'['.repeat(100_000)}`,
    'routes: *nobody',
    '\0',
    '%YAML 9\n---\n...\n---\n',
  ]) {
    assert.equal(load(text).kind, 'bad', text.slice(0, 40));
  }
});

test('what came from the environment or a file is not in any message', () => {
  const text = `
admin: { listen: ":1", token: "\${env:SHORT}" }
listeners: [{ listen: "\${env:TOKEN}" }]
upstreams: { a: "http://user:\${env:TOKEN}@a" }
routes: [{ upstream: "\${env:TOKEN}", name: "\${env:TOKEN}" }, { name: "\${env:TOKEN}", respond: 200 }]`;
  const shown = problems(text).join('\n');
  assert.ok(!shown.includes('hunter2'), shown);
  assert.ok(shown.includes('there is no upstream "${env:TOKEN}"'), shown);
});

test('what is allowed but useless is a warning with its place', () => {
  const result = load(
    'upstreams: { a: http://a }\nlisteners: [{ listen: ":80", trustedProxies: [0.0.0.0/0] }]\nroutes: [{ respond: 200, stripPrefix: true }]',
  );
  assert.deepEqual(result.kind === 'ok' ? result.warnings.map(formatProblem) : [], [
    'sluice.yaml:1:14: upstreams.a: is not used by any route',
    'sluice.yaml:2:47: listeners[0].trustedProxies[0]: believes the client address that any client claims',
    'sluice.yaml:3:26: routes[0].stripPrefix: has no effect on a route with `respond`',
  ]);
});

test('anchors, aliases and merge keys have their places', () => {
  const text =
    'upstreams:\n  a: &base { endpoints: [http://a], pool: { pipelining: 0 } }\n  b: { <<: *base, host: upstream }\nroutes: [{ upstream: a }, { match: /b, upstream: b }]';
  assert.deepEqual(problems(text), [
    'sluice.yaml:2:57: upstreams.a.pool.pipelining: must be a whole number from 1 to 256',
    'sluice.yaml:3:6: upstreams.b.pool.pipelining: must be a whole number from 1 to 256',
  ]);
});

test('a configuration in TypeScript gives the same as the text, and problems without a line', () => {
  const written = defineConfig({ upstreams: { a: 'http://a' }, routes: [{ upstream: 'a', timeout: '5s' }] });
  const result = parseConfigObject(written, { ...OPTIONS, fileName: 'sluice.config.ts' });
  const same = config('upstreams: { a: http://a }\nroutes: [{ upstream: a, timeout: 5s }]');
  assert.deepEqual(
    result.kind === 'ok' && { ...result.config, routes: result.config.routes.map((route) => ({ ...route, line: 2 })) },
    same,
  );
  const bad = parseConfigObject({ routes: [{ respond: 1 }] }, { ...OPTIONS, fileName: 'sluice.config.ts' });
  assert.deepEqual(bad.kind === 'bad' && bad.problems.map(formatProblem), [
    'sluice.config.ts: routes[0].respond: must be a whole number from 200 to 599',
  ]);
});

test('the quick mode forwards everything with its credentials', () => {
  const made = quickConfig({ to: 'http://127.0.0.1:3000', listen: ':0' });
  assert.deepEqual(made.listeners[0]?.address, { host: '0.0.0.0', port: 0 });
  assert.equal(made.upstreams[0]?.forwardCredentials, true);
  assert.equal(made.routes[0]?.match.path, '/*');
  const bad = quickLoad({ to: 'localhost:3000', listen: '8080' });
  assert.deepEqual(bad.kind === 'bad' && bad.problems.map(({ path }) => path), ['--listen', '--to']);
});

function isDeepFrozen(value: unknown): boolean {
  return typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isDeepFrozen));
}

test('whatever comes out is frozen to the last leaf, and is made alike from its JSON', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  const input = fc.record(
    {
      workers: fc.oneof(fc.constant('auto'), fc.integer({ min: 1, max: 1024 })),
      accessLog: fc.oneof(fc.boolean(), name),
      process: fc.record({ drainTimeout: fc.integer({ min: 0, max: 3000 }).map((s) => `${s}s`) }, { requiredKeys: [] }),
      upstreams: fc.dictionary(
        name,
        fc.oneof(fc.constant('http://a'), fc.array(fc.constant('http://a:1'), { minLength: 1, maxLength: 3 })),
      ),
      listeners: fc
        .uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 4 })
        .map((ports) => ports.map((port) => `:${port}`)),
      routes: fc.array(
        fc.record(
          {
            respond: fc.integer({ min: 200, max: 599 }),
            match: fc.record({ methods: fc.array(name) }),
            filters: fc.array(name),
            priority: fc.integer({ min: -9, max: 9 }),
          },
          { requiredKeys: ['respond'] },
        ),
        { minLength: 1, maxLength: 5 },
      ),
    },
    { requiredKeys: ['routes'] },
  );
  fc.assert(
    fc.property(input, (written) => {
      const result = load(JSON.stringify(written));
      assert.equal(result.kind, 'ok', result.kind === 'bad' ? result.problems.map(formatProblem).join('\n') : '');
      assert.ok(result.kind === 'ok' && isDeepFrozen(result.config));
    }),
  );
});

test('no text makes the loader throw, and every problem has a place in the text', () => {
  const scraps = fc.constantFrom(
    'routes',
    'upstreams',
    'listen',
    ':',
    ' ',
    '\n',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '"',
    '&a',
    '*a',
    '${env:X}',
    '5',
    'http://a',
    '?',
    '!!x',
    '|',
    '#',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(scraps, fc.string({ maxLength: 6 })), { maxLength: 20 }), (parts) => {
      const text = parts.join('');
      const result = load(text);
      if (result.kind === 'ok') return;
      assert.ok(result.problems.length > 0);
      for (const { line, column } of result.problems) assert.ok(line >= 1 && column >= 1 && line <= text.split('\n').length);
    }),
    { numRuns: 700 },
  );
});
