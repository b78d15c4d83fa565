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

/** Of a key that takes `true`, `false`, or a mapping that may have `enabled`. */
export function isSwitchedOn(value: unknown): boolean {
  return isMap(value) ? !isFalse(value['enabled']) : value !== undefined && !isFalse(value);
}

function isFalse(value: unknown): boolean {
  return value === false || value === 'false';
}

/** The texts of a list, or of one text in its place, in upper case. */
export function upperTexts(value: unknown): string[] {
  return (typeof value === 'string' ? [value] : asList(value)).map((text) => String(text).toUpperCase());
}

export function rawAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Array.isArray(value) ? value[Number(step)] : asMap(value)[step];
  }
  return value;
}
