import { readFileSync } from 'node:fs';
import { property } from './property.ts';

/** The version in our own package.json. */
export function readVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String(property(parsed, 'version') ?? 'unknown');
}
