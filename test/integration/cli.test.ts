import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawOrigin } from '../harness/raw-origin.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';

const GOOD = `listeners: ["127.0.0.1:0"]
upstreams: { orders: "http://127.0.0.1:9001" }
routes:
  - { name: one, match: "/api/orders/{id}", upstream: orders }
  - { name: all, match: "/*", respond: { status: 404, body: "" } }
`;

test('check is silent about nothing: a good file is told, exit code 0', async () => {
  const { code, stdout } = await SluiceProcess.run(['check'], { config: GOOD });
  assert.equal(code, 0);
  assert.match(stdout, /sluice\.yaml: good \(1 listener, 2 routes, 1 upstream\)/);
});

test('check reports every problem with its place, exit code 1', async () => {
  const { code, stderr } = await SluiceProcess.run(['check'], {
    config: GOOD.replace('upstreams', 'upsteams').replace('status: 404', 'status: 4'),
  });
  assert.equal(code, 1);
  assert.match(stderr, /sluice\.yaml:2:1: upsteams: .*did you mean "upstreams"\?/);
  assert.match(stderr, /sluice\.yaml:5:\d+: routes\[1\]\.respond\.status/);
});

test('check warns of a route that another shadows, and that is no failure', async () => {
  const { code, stderr } = await SluiceProcess.run(['check'], {
    config: `${GOOD}  - { name: hidden, match: "/api/orders/{number}", upstream: orders }\n`,
  });
  assert.equal(code, 0);
  assert.match(stderr, /warning: .*sluice\.yaml:6:1: routes\[2\]/);
});

test('a filter file that is not there is a problem', async () => {
  const { code, stderr } = await SluiceProcess.run(['check'], {
    config: GOOD.replace('upstream: orders }', 'upstream: orders, filters: ["./none.ts"] }'),
  });
  assert.equal(code, 1);
  assert.match(stderr, /\.\/none\.ts is not a file/);
});

test('explain tells the route that has a request, and why the others have not', async () => {
  const { code, stdout } = await SluiceProcess.run(['explain', 'GET', 'http://example.com/api/orders/7'], { config: GOOD });
  assert.equal(code, 0);
  assert.match(stdout, /→ one \(line 4\)/);
  assert.match(stdout, /upstream orders: http:\/\/127\.0\.0\.1:9001/);
});

test('schema prints a JSON Schema', async () => {
  const { code, stdout } = await SluiceProcess.run(['schema']);
  assert.equal(code, 0);
  assert.ok('routes' in (JSON.parse(stdout) as { properties: object }).properties);
});

test('a configuration written in TypeScript is taken', async () => {
  const config = `import { defineConfig } from '${new URL('../../src/runtime/index.ts', import.meta.url).href}';
export default defineConfig({ routes: [{ name: 'all', match: '/*', respond: { status: 200, body: 'typed' as string } }] });\n`;
  const { code, stdout, stderr } = await SluiceProcess.run(['check', '--config', './sluice.config.ts'], {
    files: { 'sluice.config.ts': config },
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /good/);
});

test('`sluice` is the package that runs, for a configuration and a filter in TypeScript that lie anywhere', async (t) => {
  const files = {
    'sluice.config.ts': `import { type ConfigInput, defineConfig } from 'sluice';
const status: number = 204;
const config: ConfigInput = { listeners: ['127.0.0.1:0'], routes: [
  { name: 'all', match: '/*', respond: { status, body: '' }, filters: ['./deep/stamp.ts'] }] };
export default defineConfig(config);\n`,
    'deep/stamp.ts': `import { defineFilter, type FilterRequest } from 'sluice';
import { text } from './text.ts';
export const filter = defineFilter({ request: (request: FilterRequest) => ({ status: 200, body: text(request.target) }) });\n`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration has references of its own
    'deep/text.ts': 'export function text(of: string): string {\n  return `stamped ${of as string}`;\n}\n',
  };
  const checked = await SluiceProcess.run(['check', '--config', './sluice.config.ts'], { files });
  assert.equal(checked.code, 0, checked.stderr);
  const sluice = await SluiceProcess.start({ args: ['--config', './sluice.config.ts'], files, env: { SLUICE_WORKERS: '1' } });
  t.after(() => sluice.stop());
  assert.equal(await (await fetch(`http://127.0.0.1:${sluice.port}/x`)).text(), 'stamped /x');
});

test('an admin listener that others can reach needs a token, also from the command line', async () => {
  for (const admin of [':9901', '0.0.0.0:9901', '[::]:9901']) {
    const { code, stderr } = await SluiceProcess.run(['start', '--to', 'http://127.0.0.1:1', '--listen', '127.0.0.1:0', '--admin', admin]);
    assert.equal(code, 1);
    assert.match(stderr, /--admin .*: is not a loopback address, so `admin\.token` is required/);
  }
});

test('--to puts it in front of one service and says that credentials pass', async (t) => {
  const origin = await RawOrigin.answering();
  t.after(() => origin.close());
  const sluice = await SluiceProcess.start({ args: ['--to', origin.url, '--listen', '127.0.0.1:0'], env: { SLUICE_WORKERS: '1' } });
  t.after(() => sluice.stop());
  assert.match(sluice.stdout, /with the client's credentials/);
  const reply = await fetch(`http://127.0.0.1:${sluice.port}/x`, { headers: { authorization: 'Basic eDp5' } });
  assert.equal(await reply.text(), 'ok');
  assert.match(origin.text, /authorization: Basic eDp5/i);
});

test('what cannot be meant is refused: --config with --to, a bad URL, a bad number of workers, an unknown command', async () => {
  const both = await SluiceProcess.run(['start', '--to', 'http://127.0.0.1:1'], { config: GOOD });
  assert.deepEqual([both.code, /exclude each other/.test(both.stderr)], [2, true]);
  const url = await SluiceProcess.run(['start', '--to', 'gopher://x', '--listen', '127.0.0.1:0']);
  assert.deepEqual([url.code, /--to/.test(url.stderr)], [1, true]);
  const workers = await SluiceProcess.run(['start'], { config: GOOD, env: { SLUICE_WORKERS: 'many' } });
  assert.deepEqual([workers.code, /SLUICE_WORKERS/.test(workers.stderr)], [2, true]);
  const command = await SluiceProcess.run(['strat']);
  assert.deepEqual([command.code, /Did you mean start/.test(command.stderr)], [1, true]);
});

test('the access log goes to its file, whole lines, and to a new one after SIGUSR1', async (t) => {
  const { renameSync, readFileSync, existsSync } = await import('node:fs');
  const { join } = await import('node:path');
  const { waitFor } = await import('../harness/wait-for.ts');
  const sluice = await SluiceProcess.start({
    config: `${GOOD}accessLog: ./access.log\n`,
    env: { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' },
  });
  t.after(() => sluice.stop());
  const path = join(sluice.folder, 'access.log');
  const lines = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []);
  for (let asked = 0; asked < 20; asked++)
    await (await fetch(`http://127.0.0.1:${sluice.port}/n/${asked}`, { headers: { connection: 'close' } })).text();
  await waitFor('20 lines', () => lines(path).length === 20);
  for (const line of lines(path)) assert.equal((JSON.parse(line) as { status: number }).status, 404);
  renameSync(path, `${path}.1`);
  sluice.signal('SIGUSR1');
  await sluice.untilOutput('access log reopened');
  await (await fetch(`http://127.0.0.1:${sluice.port}/after`)).text();
  await waitFor('a line in the new file', () => lines(path).length === 1 && lines(path)[0] !== '');
  assert.equal(lines(`${path}.1`).length, 20);
});
