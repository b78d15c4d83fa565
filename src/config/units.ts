import { bad, good, type Parsed } from './problem.ts';

/** Regular expressions of the texts accepted here, for the JSON Schema. */
export const DURATION_PATTERN = '^(0|[0-9]+(\\.[0-9]+)?(ms|s|m|h|d))$';
export const SIZE_PATTERN = '^(0|[0-9]+(\\.[0-9]+)?(B|KB|KiB|MB|MiB|GB|GiB|TB|TiB))$';

const MS_PER_UNIT = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const BYTES_PER_UNIT = new Map([
  ['B', 1],
  ['KB', 1e3],
  ['KiB', 2 ** 10],
  ['MB', 1e6],
  ['MiB', 2 ** 20],
  ['GB', 1e9],
  ['GiB', 2 ** 30],
  ['TB', 1e12],
  ['TiB', 2 ** 40],
]);

/** `250ms`, `10s`, `1.5m`, `1h`, `1d`, `0` → whole milliseconds. */
export function parseDuration(text: string): Parsed<number> {
  return parseAmount(text, MS_PER_UNIT, 'must be a duration with its unit (ms, s, m, h, d), such as 250ms or 10s');
}

/** `512B`, `64KiB`, `10MiB`, `1GB`, `0` → whole bytes. KB is 1000, KiB 1024. */
export function parseSize(text: string): Parsed<number> {
  return parseAmount(text, BYTES_PER_UNIT, 'must be a size with its unit (B, KB, KiB, MB, MiB, GB, GiB), such as 64KiB or 10MiB');
}

function parseAmount(text: string, units: ReadonlyMap<string, number>, hint: string): Parsed<number> {
  if (text === '0') return good(0);
  const parts = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]+)$/.exec(text);
  const factor = units.get(parts?.[2] ?? '');
  if (parts === null || factor === undefined) return bad(hint);
  const amount = Math.round(Number(parts[1]) * factor);
  return Number.isSafeInteger(amount) ? good(amount) : bad('is too large a number');
}

/** `20%`, `0.5%` → the fraction 0 to 1. */
export function parsePercent(text: string): Parsed<number> {
  const digits = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text)?.[1];
  if (digits === undefined || Number(digits) > 100) return bad('must be a percentage from 0% to 100%, such as 20%');
  return good(Number(digits) / 100);
}

export type Rate = { readonly count: number; readonly perMs: number };

/** `100/1m`, `5/s` → so many in so many milliseconds. */
export function parseRate(text: string): Parsed<Rate> {
  const parts = /^(\d{1,12})\/(\d{0,12})(ms|s|m|h|d)$/.exec(text);
  const perMs = Number(parts?.[2] || '1') * (MS_PER_UNIT.get(parts?.[3] ?? '') ?? 0);
  if (parts === null || perMs === 0 || !Number.isSafeInteger(perMs)) return bad('must be a rate, a number in a time, such as 100/1m');
  return good({ count: Number(parts[1]), perMs });
}

/** 90000 → `90s`; the largest unit that divides it. For messages and the reference. */
export function formatDuration(ms: number): string {
  return formatAmount(ms, MS_PER_UNIT, ['d', 'h', 'm', 's', 'ms']);
}

/** 65536 → `64KiB`. */
export function formatSize(bytes: number): string {
  return formatAmount(bytes, BYTES_PER_UNIT, ['TiB', 'GiB', 'MiB', 'KiB', 'B']);
}

function formatAmount(amount: number, units: ReadonlyMap<string, number>, order: readonly string[]): string {
  if (amount === 0) return '0';
  const unit = order.find((name) => amount % (units.get(name) ?? 1) === 0) ?? '';
  return `${amount / (units.get(unit) ?? 1)}${unit}`;
}
