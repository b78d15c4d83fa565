import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { readConfigFile } from '../../../src/runtime/read-config.ts';
import { shownConfig } from '../../../src/runtime/shown-config.ts';

const ENV = {
  TOKEN: 'secret-of-the-upstream',
  PIN: '7351',
  HOST: 'inner.example',
  ADMIN: 'secret-of-the-admin',
  KEY: 'secret-of-a-client',
};
const FILES = new Map([['pass.txt', 'secret-in-a-file']]);

function shown(text: string): string {
  const readSecret = (path: string): string => FILES.get(path) ?? '';
  const loaded = loadConfig(text, { fileName: 'test.yaml', env: ENV, readSecret });
  assert.ok(loaded.kind === 'ok', JSON.stringify(loaded));
  return JSON.stringify(shownConfig(loaded.config));
}

test('what came from the environment or a file is shown as it was written, wherever it stands', () => {
  const text = shown(`
admin: { listen: 127.0.0.1:0, token: "\${env:ADMIN}" }
listeners: [{ name: web, listen: 127.0.0.1:0 }]
consumers: { list: [{ name: acme, keys: ["\${env:KEY}"] }] }
upstreams: { o: "http://\${env:HOST}:9001" }
routes:
  - name: all
    match: { path: /*, headers: { x-pin: "\${env:PIN}" } }
    upstream: o
    headers:
      request: { set: { X-Auth: "Bearer \${env:TOKEN}", X-Pin: "\${env:PIN}", X-Colour: "a \${file:pass.txt} b", X-Plain: "\${env:NONE:-plain}" } }
      response: { set: { X-Colour: "\${file:pass.txt}" } }
  - { name: own, match: /own, respond: { status: 200, body: "key=\${env:KEY}" } }
`);
  for (const secret of [...Object.values(ENV), ...FILES.values()]) assert.ok(!text.includes(secret), `${secret} in ${text}`);
  for (const kept of [`a \${file:pass.txt} b`, `\${env:PIN}`, `key=\${env:KEY}`, '"plain"', '"all"', '"acme"'])
    assert.ok(text.includes(kept), kept);
});

test('a credential that is written into the configuration itself is not shown', () => {
  const text = shown(`
listeners: [{ name: web, listen: 127.0.0.1:0 }]
upstreams: { o: "http://127.0.0.1:9001" }
routes:
  - { name: all, match: /*, upstream: o, headers: { request: { set: { Authorization: "Basic abc", X_Api_Key: def123, X-Colour: red } } } }
`);
  assert.doesNotMatch(text, /Basic abc|def123/);
  assert.match(text, /red/);
});

test('what is said of routes at load quotes no condition that came from outside', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-shown-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'secret.txt'), 'known-to-the-cdn-alone\n');
  const path = join(folder, 'sluice.yaml');
  const secret = `\${file:secret.txt}`;
  writeFileSync(
    path,
    `listeners: [{ name: web, listen: 127.0.0.1:0 }]
upstreams: { o: "http://127.0.0.1:9001" }
routes:
  - { name: a, match: { path: /*, headers: { x-verify: "${secret}", X-Verify: other } }, upstream: o }
`,
  );
  const read = await readConfigFile(path);
  const text = JSON.stringify(read.kind === 'ok' ? read.warnings : read.problems);
  assert.ok(text.includes(secret), text);
  assert.doesNotMatch(text, /known-to-the-cdn/);
});

test('what a source of endpoints or a check shows to prove who asks is not shown', () => {
  const text = shown(`
upstreams:
  found: { discovery: { consul: { service: orders, token: written-in-the-file } } }
  checked:
    endpoints: ["http://127.0.0.1:9001"]
    health: { active: { path: /healthz, headers: { Authorization: "Bearer also-written", X-Colour: blue } } }
routes: [{ upstream: found }, { match: /c, upstream: checked }]
`);
  for (const secret of ['written-in-the-file', 'also-written']) assert.ok(!text.includes(secret), text);
  for (const kept of ['"orders"', '"blue"', '/healthz']) assert.ok(text.includes(kept), kept);
});
