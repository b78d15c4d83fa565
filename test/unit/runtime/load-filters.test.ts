import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadFilters } from '../../../src/runtime/load-filters.ts';

test('a module gives its filter as default or by name, anew for each generation, and what is wrong is told with its file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-filters-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'f.mjs');
  const load = async (text: string, generation: number): Promise<string> => {
    writeFileSync(path, text);
    const loaded = await loadFilters({ './f.mjs': path }, generation);
    return loaded.kind === 'bad' ? loaded.reason : Object.keys(loaded.filters.get('./f.mjs') ?? {}).join();
  };
  assert.equal(await load('export default { request() {} };', 1), 'request');
  assert.equal(await load('export const filter = { response() {}, finish() {} };', 2), 'response,finish');
  assert.match(await load('export default { request: 1 };', 3), /^filter \.\/f\.mjs .*`request` is not a function$/);
  assert.match(await load('export default {};', 4), /has none of the phases/);
  assert.match(await load('export const other = 1;', 5), /exports no filter/);
  assert.match(await load('export default {', 6), /does not load: /);
});
