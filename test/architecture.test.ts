import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Lowest floor first. A file imports from its own folder and from floors strictly below it. */
const FLOORS: readonly (readonly string[])[] = [
  ['base'],
  ['http', 'shm'],
  ['config', 'observe'],
  ['routing', 'policy', 'cache', 'upstream', 'transform', 'usage'],
  ['exchange'],
  ['edge'],
  ['runtime'],
];

/** Modules that touch the world, and the only folders that may. A module's subpaths (`node:fs/promises`) count as the module. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  'uWebSockets.js': ['edge'],
  'node:net': ['edge', 'upstream'],
  'node:http': ['edge', 'upstream', 'runtime'],
  'node:https': ['edge', 'upstream', 'runtime'],
  'node:http2': ['edge', 'upstream'],
  'node:tls': ['upstream'],
  'node:dns': ['upstream'],
  'node:fs': ['runtime'],
  'node:worker_threads': ['runtime'],
  'node:child_process': ['runtime'],
  'node:cluster': [],
  'node:process': [],
};

/** Modules that one single file may name, so that they can be exchanged there. */
const ONE_FILE: readonly string[] = ['uWebSockets.js'];

/** Servers belong to `edge`; elsewhere `node:http` is a client only. The demo origin is a service of its own, not part of the proxy. */
const SERVER = /\bcreate(?:Secure)?Server\b/;
const OTHER_SERVERS: readonly string[] = ['src/runtime/demo-origin.ts'];

const MAX_LINES = 400;
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FLOOR_OF = new Map(FLOORS.flatMap((names, floor) => names.map((name): [string, number] => [name, floor])));
/** `import … from 'x'`, `export … from 'x'`, `import 'x'`, `import('x')`, `require('x')`, `import.meta.resolve('x')`, with either quote. */
const IMPORT = /(?:\bfrom|\bimport|\brequire|\bresolve)\s*\(?\s*['"]([^'"\n]+)['"]/g;
const DEFAULT_EXPORT = /^export\s+default\b|^export\s*\{[^}]*\bas\s+default\b/m;
const files = globSync('src/**/*.ts', { cwd: ROOT }).sort();

function readSource(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** Comments hold words like "from 'x'" too; strings with `//` in them (URLs) lose their tail, which names no import. */
function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

function importsOf(file: string): readonly string[] {
  return [...withoutComments(readSource(file)).matchAll(IMPORT)].map((found) => found[1] ?? '');
}

function ownersOf(target: string): { readonly module: string; readonly owners: readonly string[] } | undefined {
  const bare = target.startsWith('node:') ? target : `node:${target}`;
  for (const [module, owners] of Object.entries(OWNERS)) {
    if ([target, bare].some((name) => name === module || name.startsWith(`${module}/`))) return { module, owners };
  }
  return undefined;
}

/** What is wrong with one import, or `undefined`. */
function faultOf(file: string, target: string): string | undefined {
  const own = file.split('/')[1] ?? '';
  const owned = ownersOf(target);
  if (owned !== undefined && !owned.owners.includes(own)) return `${own} must not import ${owned.module}`;
  if (!target.startsWith('.')) return undefined;
  const path = normalize(join(dirname(file), target));
  if (!path.startsWith('src/')) return path === 'package.json' ? undefined : `${file} reaches out of src: ${target}`;
  const other = path.split('/')[1] ?? '';
  if (other === own) return undefined;
  const isBelow = (FLOOR_OF.get(other) ?? 99) < (FLOOR_OF.get(own) ?? -1);
  return isBelow ? undefined : `${own} must not import ${other}`;
}

for (const file of files) {
  test(`${file} imports only from below, and only what its folder may touch`, () => {
    const faults = importsOf(file).flatMap((target) => faultOf(file, target) ?? []);
    assert.deepEqual(faults, []);
  });

  test(`${file} is at most ${MAX_LINES} lines and has no default export`, () => {
    const source = readSource(file);
    assert.ok(source.split('\n').length - 1 <= MAX_LINES, `${file} has more than ${MAX_LINES} lines: split it by subject`);
    assert.ok(!DEFAULT_EXPORT.test(withoutComments(source)), `${file} has a default export`);
  });
}

test('only the edge opens servers', () => {
  const servers = files.filter((file) => !file.startsWith('src/edge/') && SERVER.test(withoutComments(readSource(file))));
  assert.deepEqual(
    servers.filter((file) => !OTHER_SERVERS.includes(file)),
    [],
  );
});

test('every folder of src stands on a floor', () => {
  const folders = new Set(files.map((file) => file.split('/')[1] ?? ''));
  assert.deepEqual(
    [...folders].filter((folder) => !FLOOR_OF.has(folder)),
    [],
  );
});

test('a module that must stay exchangeable is named in one file only', () => {
  for (const module of ONE_FILE) {
    const naming = files.filter((file) => importsOf(file).includes(module));
    assert.ok(naming.length <= 1, `${module} is named by ${naming.join(', ')}`);
  }
});

test('the floors test catches an upward import, one on the same floor, and a module in the wrong folder', () => {
  assert.equal(faultOf('src/http/a.ts', '../config/types.ts'), 'http must not import config');
  assert.equal(faultOf('src/routing/a.ts', '../policy/b.ts'), 'routing must not import policy');
  assert.equal(faultOf('src/routing/a.ts', '../nowhere/b.ts'), 'routing must not import nowhere');
  assert.equal(faultOf('src/routing/a.ts', 'node:fs/promises'), 'routing must not import node:fs');
  assert.equal(faultOf('src/routing/a.ts', 'net'), 'routing must not import node:net');
  assert.equal(faultOf('src/exchange/a.ts', '../../test/b.ts'), 'src/exchange/a.ts reaches out of src: ../../test/b.ts');
  assert.equal(faultOf('src/routing/a.ts', '../config/types.ts'), undefined);
});
