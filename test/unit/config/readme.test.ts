import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configReference } from '../../../src/config/reference.ts';

const OPENING = /<!-- settings: [^>]*-->\n/;

test('the settings in the README are those of the schema', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const opening = OPENING.exec(readme);
  assert.ok(opening !== null);
  const start = opening.index + opening[0].length;
  const table = readme.slice(start, readme.indexOf('<!-- /settings -->', start));
  assert.equal(table.trim(), configReference().trim(), 'run: npm run docs');
});
