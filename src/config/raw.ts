import type { ConfigPath } from './problem.ts';

/** Looks into values that nobody has checked yet. */
export type RawMap = Readonly<Record<string, unknown>>;

export function asMap(value: unknown): RawMap {
  return isMap(value) ? value : {};
}

export function isMap(value: unknown): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function rawAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Array.isArray(value) ? value[Number(step)] : asMap(value)[step];
  }
  return value;
}
