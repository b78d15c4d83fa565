// Writes the generated part of the README. Usage: npm run docs
import { readFileSync, writeFileSync } from 'node:fs';
import { configReference } from '../src/config/reference.ts';

const file = new URL('../README.md', import.meta.url);
const readme = readFileSync(file, 'utf8');
const filled = readme.replace(
  /(<!-- settings: [^>]*-->\n)[\s\S]*(<!-- \/settings -->)/,
  (_, open: string, close: string) => `${open}\n${configReference().trim()}\n\n${close}`,
);
if (filled !== readme) writeFileSync(file, filled);
