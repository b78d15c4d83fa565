// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonSchema, keysAt, listSettings } from '../../../src/config/json-schema.ts';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { asList, asMap, isMap } from '../../../src/config/raw.ts';
import { configReference } from '../../../src/config/reference.ts';
import { readYaml } from '../../../src/config/yaml-source.ts';

/** The contract for all to come, as the design has it: the part of this version, then all of it. */
const AVAILABLE = `
workers: auto
admin: { listen: 127.0.0.1:9901, token: "\${env:SLUICE_ADMIN_TOKEN}" }
listeners:
  - { name: web, listen: "0.0.0.0:8080", engine: uws, trustedProxies: [10.0.0.0/8] }
upstreams:
  orders:
    endpoints: ["http://127.0.0.1:9001", { url: "http://127.0.0.1:9002", weight: 2 }]
    balance: round-robin
    forwardCredentials: false
    pool: { maxConnections: 256, maxPending: 1024, maxRequests: 4096, idleTimeout: 60s, pipelining: 1 }
    timeouts: { connect: 2s, response: 30s, idle: 60s, total: 0 }
    protocol: http/1.1
routes:
  - name: orders
    match: { host: api.example.com, path: "/api/orders/*", methods: [GET, POST], headers: { x-api-version: "2" } }
    upstream: orders
    stripPrefix: false
    rewrite: { path: "/v1/orders/{rest}" }
    headers: { request: { set: {}, remove: [], allow: [] }, response: { set: {}, remove: [] } }
    timeout: 10s
    filters: ["./my-filter.ts"]
    cache: { enabled: true, maxObject: 10MiB, key: { query: [page, q], headers: [accept-language] },
             staleWhileRevalidate: 30s, staleIfError: 5m, defaultTtl: 0s, tagsHeader: surrogate-key }
    collapse: { enabled: true, maxWait: 10s }
    dedupe: { key: [method, url, body], idempotencyKey: { header: Idempotency-Key, ttl: 24h } }
    limits: [{ key: consumer, rate: 100/1m, burst: 20 }, { key: ip, rate: 1000/1h }]
    tiers: { from: consumer.tier, plan: [free, paid] }
`;
const AVAILABLE_TOP = `store: { path: ./data }
consumers: { list: [{ name: acme, keys: [acme-secret], tier: paid }] }
tiers:
  free: { limits: [100/1h, 1000/1d] }
  paid: { limits: [10000/1h], overage: { allow: true } }
cacheMemory: 256MiB
`;

const PLANNED = `    auth: { jwt: { issuer: "https://auth.example.com", audience: api }, require: { scopes: [orders:read], roles: [] } }
    transform: { request: { fields: { userId: user_id }, format: json-to-xml } }
    compress: [zstd, br, gzip]
    fallback: { on: [502, 503, 504, timeout], respond: { status: 200, body: "[]" } }
  - { match: /composed, compose: [] }
  - { match: /tls, upstream: later, limits: [{ key: { claim: sub }, rate: 1/1s }] }
redis: { url: "redis://…", whenDown: local }
`;

const PLANNED_UPSTREAM = `  later:
    endpoints: [http://a]
    discovery: { dns: "orders.internal:8080", refresh: 10s }
    retry: { attempts: 2 }
    hedge: { after: p95, max: 1 }
    health: { active: { path: /healthz } }
    breaker: { failures: 5 }
    tls: { ca: ca.pem }
`;

const PLANNED_LISTENERS = `  - { name: tls, listen: "0.0.0.0:8443", protocols: [h2, http/1.1], tls: { clientCa: ca.pem } }
  - { name: egress, listen: "127.0.0.1:3128", mode: forward, allow: ["*.example.com:443"] }
`;

const WHOLE = (AVAILABLE + PLANNED + AVAILABLE_TOP).replace('upstreams:\n', `${PLANNED_LISTENERS}upstreams:\n${PLANNED_UPSTREAM}`);

const OPTIONS = { fileName: 'sluice.yaml', env: { SLUICE_ADMIN_TOKEN: 'a-long-token' } };

test('the part of the contract that this version covers loads without a word', () => {
  const result = loadConfig(AVAILABLE + AVAILABLE_TOP, OPTIONS);
  assert.deepEqual(result.kind === 'ok' ? result.warnings : result.problems.map(formatProblem), []);
});

test('every planned key of the contract is reported as planned, each once, and nothing else is', () => {
  const result = loadConfig(WHOLE, OPTIONS);
  assert.ok(result.kind === 'bad');
  const shown = result.problems.map(formatProblem);
  for (const line of shown) assert.match(line, /: not available in this version of Sluice \(planned: .+\)$/);
  const reported = result.problems.map(({ path }) => path.replace(/\[\d+\]/g, '[]').replace('upstreams.later', 'upstreams.<name>'));
  const planned = listSettings().filter(({ isPlanned }) => isPlanned);
  assert.deepEqual(reported.sort(), planned.map(({ path }) => path).sort());
  assert.ok(shown.some((line) => line.endsWith('routes[0].compress: not available in this version of Sluice (planned: compression)')));
});

test('every key has a description that ends as a sentence, and every value a default or a word that there is none', () => {
  for (const { path, description, isPlanned } of listSettings()) {
    assert.ok(description !== undefined && /^["A-Z].*\.$/.test(description), `${path}: ${description}`);
    if (isPlanned) assert.match(description, /^Not available in this version \(planned: /);
  }
});

test('the reference has a row for each available key', () => {
  const reference = configReference();
  for (const { path, isPlanned } of listSettings()) assert.equal(reference.includes(`\n| \`${path}\` | `), !isPlanned, path);
  assert.ok(
    reference.includes(
      '| `upstreams.<name>.pool.maxConnections` | Connections to one endpoint from one worker. A whole number from 1 to 65535; default 256. |',
    ),
  );
});

test('the keys at a path are found through lists, names and shorthands', () => {
  assert.ok(keysAt(['routes', 0, 'match']).includes('methods'));
  assert.ok(keysAt(['upstreams', 'any', 'pool']).includes('pipelining'));
  assert.ok(keysAt(['upstreams', 'any', 'endpoints', 3]).includes('weight'));
  assert.deepEqual(keysAt(['nowhere', 'at', 'all']), []);
});

/** As much of JSON Schema as the exported one uses. */
function isValid(value: unknown, schema: unknown): boolean {
  const rule = asMap(schema);
  if (rule['not'] !== undefined && isValid(value, rule['not'])) return false;
  if (rule['anyOf'] !== undefined && !asList(rule['anyOf']).some((branch) => isValid(value, branch))) return false;
  if ('const' in rule && value !== rule['const']) return false;
  if (rule['enum'] !== undefined && !asList(rule['enum']).includes(value)) return false;
  if (rule['type'] === 'integer' && !Number.isInteger(value)) return false;
  if (['string', 'boolean', 'number'].includes(String(rule['type'])) && typeof value !== rule['type']) return false;
  if (typeof value === 'string' && typeof rule['pattern'] === 'string' && !new RegExp(rule['pattern']).test(value)) return false;
  if (typeof value === 'number' && (value < Number(rule['minimum'] ?? value) || value > Number(rule['maximum'] ?? value))) return false;
  if (rule['type'] === 'array')
    return Array.isArray(value) && value.length >= Number(rule['minItems'] ?? 0) && value.every((item) => isValid(item, rule['items']));
  if (rule['type'] !== 'object') return true;
  if (!isMap(value)) return false;
  const properties = asMap(rule['properties']);
  if (!asList(rule['required']).every((key) => Object.hasOwn(value, String(key)))) return false;
  return Object.entries(value).every(([key, part]) => {
    if (Object.hasOwn(properties, key)) return isValid(part, properties[key]);
    return rule['additionalProperties'] !== false && isValid(part, rule['additionalProperties']);
  });
}

function yamlValue(text: string): unknown {
  const source = readYaml(text);
  assert.ok(source.kind === 'ok');
  return source.value;
}

test('the JSON Schema takes what loads and refuses what does not', () => {
  const schema = jsonSchema();
  assert.ok(isValid(yamlValue(AVAILABLE), schema));
  assert.ok(
    isValid(
      yamlValue(
        'listeners: [":80"]\nupstreams: { a: http://a, b: [http://b] }\nroutes: [{ match: /x, upstream: a }, { respond: 404 }]\nworkers: "${env:N}"',
      ),
      schema,
    ),
  );
  for (const text of [
    WHOLE,
    'routes: []',
    'routes: [{ respond: 99 }]',
    'routes: [{ upsteam: a }]',
    'workers: 2',
    'routes: [{ respond: 200, timeout: 5 }]',
  ]) {
    assert.ok(!isValid(yamlValue(text), schema), text.slice(0, 60));
  }
});

test('the JSON Schema has no reference to elsewhere and names its dialect', () => {
  const text = JSON.stringify(jsonSchema());
  assert.ok(!text.includes('"$ref"'));
  assert.equal(asMap(jsonSchema())['$schema'], 'https://json-schema.org/draft/2020-12/schema');
});
