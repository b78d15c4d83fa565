import type { DeadlineField } from '../config/retry-types.ts';

/** The deadline of a request, as the two sides of it are told: a moment (X-Request-Deadline) or what is left (grpc-timeout). Pure. */

const GRPC_UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** Of a gRPC TimeoutValue: eight digits. */
const MAX_GRPC_MS = 99_999_999;

/** What a client leaves us, in ms, 0 and above; `undefined` where it says nothing that can be understood. */
export function msLeftBy(field: DeadlineField, value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (field === 'grpc-timeout') {
    const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
    return digits === undefined || unit === undefined ? undefined : Number(digits) * (GRPC_UNIT_MS[unit] ?? 0);
  }
  const atMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** The field line for the upstream. */
export function deadlineLine(field: DeadlineField, leftMs: number, nowMs: number): string {
  const left = Math.max(0, Math.floor(leftMs));
  if (field === 'grpc-timeout') return `grpc-timeout: ${Math.min(left, MAX_GRPC_MS)}m\r\n`;
  return `X-Request-Deadline: ${new Date(nowMs + left).toISOString()}\r\n`;
}
