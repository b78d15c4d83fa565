import type { Refusal } from '../http/request-head.ts';

const CR = 13;
const LF = 10;
const HTAB = 9;
const SP = 32;

/**
 * Looks at a head that is not whole yet: what can never become one is refused at once, instead of waiting for an end that
 * a peer of another kind (TLS, bare-LF lines) will never send. Looks only at the bytes from `from` on.
 */
export function judgePartialHead(bytes: Buffer, from: number): Refusal | undefined {
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte >= SP || byte === HTAB) continue;
    if (byte === CR && (i + 1 === bytes.length || bytes[i + 1] === LF)) continue;
    if (byte === LF && i > 0 && bytes[i - 1] === CR) continue;
    return bytes.subarray(0, i).includes(LF) ? 'malformed-field' : 'malformed-request-line';
  }
  return undefined;
}

/** Why a head is too large: RFC 9112 3 demands 414 where it is the target's fault. `bytes` begin with the request line, whole or not. */
export function judgeLargeHead(bytes: Buffer, maxTargetBytes: number): 'target-too-long' | 'head-too-large' {
  const lineEnd = bytes.indexOf(CR);
  const line = lineEnd < 0 ? bytes : bytes.subarray(0, lineEnd);
  const start = line.indexOf(SP) + 1;
  const end = line.indexOf(SP, start);
  return start > 0 && (end < 0 ? line.length : end) - start > maxTargetBytes ? 'target-too-long' : 'head-too-large';
}

/** Skips empty lines before a request line (RFC 9112 section 2.2). Returns the first place that is not one. */
export function skipEmptyLines(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at + 1 < end && bytes[at] === CR && bytes[at + 1] === LF) at += 2;
  return at;
}
