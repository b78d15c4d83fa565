import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { OwnSources } from '../../../src/runtime/launch.ts';
import { waitFor } from '../../harness/wait-for.ts';

const RUNTIME = new URL('../../../src/runtime/', import.meta.url);

test('sources are stripped once, served from the cache while no file changed, and stripped anew when one did', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-sources-'));
  t.after(() => rmSync(root, { recursive: true }));
  const runtime = join(root, 'src/runtime');
  mkdirSync(runtime, { recursive: true });
  for (const name of ['sources.mjs', 'strip.mjs']) copyFileSync(new URL(name, RUNTIME), join(runtime, name));
  writeFileSync(join(runtime, 'cli.ts'), `import { b } from './b.ts';\nconst a: number = b;\n`);
  writeFileSync(join(runtime, 'b.ts'), 'export const b = 1 as number; // §\n');
  const module: unknown = await import(pathToFileURL(join(runtime, 'sources.mjs')).href);
  const { readOwnSources, START_CACHE: cache } = module as { readOwnSources: () => Promise<OwnSources>; START_CACHE: string };
  assert.ok(cache.startsWith(join(root, 'node_modules/.cache/sluice/')));
  const textOf = async (name: string): Promise<string> => {
    const { places, bytes } = await readOwnSources();
    const [begin = 0, end = 0] = places.get(pathToFileURL(join(runtime, name)).href) ?? [];
    return Buffer.from(bytes.subarray(begin, end)).toString();
  };
  // The stripper hands over first and leaves the cache then.
  const untilCached = (text: string): Promise<unknown> =>
    waitFor('the cache holds it', () => existsSync(cache) && readFileSync(cache, 'utf8').includes(text));

  assert.equal(await textOf('cli.ts'), `import { b } from './b.ts';\nconst a         = b;\n`);
  await untilCached('b = 1  ');
  rmSync(join(runtime, 'strip.mjs'));
  assert.equal(await textOf('b.ts'), 'export const b = 1          ; // §\n', 'from the cache: there is nothing to strip with');
  copyFileSync(new URL('strip.mjs', RUNTIME), join(runtime, 'strip.mjs'));
  writeFileSync(join(runtime, 'b.ts'), 'export const b = 2 as number; // §\n');
  assert.equal(await textOf('b.ts'), 'export const b = 2          ; // §\n');
  await untilCached('b = 2  ');
});
