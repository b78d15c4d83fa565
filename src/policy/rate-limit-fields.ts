import { assert } from '../base/assert.ts';
import type { CalendarUnit, LimitFields, RateLimitConfig } from '../config/limit-types.ts';
import type { LimitRule } from './limit-rules.ts';

/**
 * RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11: lists of strings with parameters, RFC 9651), Retry-After
 * (RFC 9110 10.2.3) and the X-RateLimit fields that were there before them.
 */

type Rule = LimitRule<unknown, unknown>;

/** What was read of the limits that a request met, by their `told`. One object a thread, filled anew for each request. */
export class LimitReadings {
  /** In the unit of the limit; negative (debt) is told as 0. */
  readonly remaining: Float64Array;
  /** Until it is whole again: the bucket full, the quota's time over. 0 = unknown, or there is no such time. */
  readonly resetMs: Float64Array;

  constructor(maxRules: number) {
    this.remaining = new Float64Array(maxRules);
    this.resetMs = new Float64Array(maxRules);
  }

  set(told: number, remaining: number, resetMs: number): void {
    if (told < 0) return;
    assert(told < this.remaining.length, 'there is a place for each rule');
    this.remaining[told] = remaining;
    this.resetMs[told] = resetMs;
  }
}

/** What the fields need of a `LimitSet`. */
export type ToldLimits = { readonly told: readonly Rule[]; readonly fields: LimitFields; readonly labels: readonly string[] };

/** Field lines with CRLF, for an answer of any status; `''` where the client is told nothing. */
export function limitFieldLines({ told, fields, labels }: ToldLimits, readings: LimitReadings): string {
  if (told.length === 0) return '';
  switch (fields) {
    case 'none':
      return '';
    case 'draft':
      return draftLines(told, labels, readings);
    case 'legacy':
      return legacyLines(told, readings);
    case 'both':
      return draftLines(told, labels, readings) + legacyLines(told, readings);
  }
}

/** Seconds; at least 1, since 0 would be an invitation to try again at once. */
export function retryAfterLine(waitMs: number): string {
  return `Retry-After: ${Math.max(1, wholeSeconds(waitMs))}\r\n`;
}

/** The value of RateLimit-Policy: `"burst";q=100;w=60, "at-once";q=10;qu="concurrent-requests"`. */
export function policyField(told: readonly Rule[]): string {
  return told.map((rule) => `"${rule.config.name}"${allocation(rule)}`).join(', ');
}

/** What stands before each number of the draft's fields and is the same for every request: RateLimit-Policy is part of the first one. */
export function draftLabels(told: readonly Rule[], policy: string): readonly string[] {
  return told.map(({ config }, i) => `${i === 0 ? `RateLimit-Policy: ${policy}\r\nRateLimit: ` : ', '}"${config.name}";r=`);
}

function draftLines(told: readonly Rule[], labels: readonly string[], readings: LimitReadings): string {
  let lines = '';
  for (let i = 0; i < told.length; i++) {
    const rule = told[i];
    if (rule === undefined) break;
    const resetSec = wholeSeconds(readings.resetMs[i] ?? 0);
    lines += `${labels[i]}${available(rule, readings)}`;
    if (resetSec > 0) lines += `;t=${resetSec}`;
  }
  return `${lines}\r\n`;
}

/** There is room for one limit only: the one of which the least is left, for its size. */
function legacyLines(told: readonly Rule[], readings: LimitReadings): string {
  let tightest = told[0];
  for (const rule of told) if (tightest === undefined || shareLeft(rule, readings) < shareLeft(tightest, readings)) tightest = rule;
  if (tightest === undefined) return '';
  const resetSec = wholeSeconds(readings.resetMs[tightest.told] ?? 0);
  return (
    `X-RateLimit-Limit: ${sizeOf(tightest)}\r\nX-RateLimit-Remaining: ${available(tightest, readings)}\r\n` +
    `X-RateLimit-Reset: ${resetSec}\r\n`
  );
}

function shareLeft(rule: Rule, readings: LimitReadings): number {
  return available(rule, readings) / sizeOf(rule);
}

function available(rule: Rule, readings: LimitReadings): number {
  return Math.max(0, Math.floor(readings.remaining[rule.told] ?? 0));
}

/** All that there can be at once, or in the time that RateLimit-Policy tells. */
function sizeOf(rule: Rule): number {
  switch (rule.kind) {
    case 'concurrency':
      return rule.config.max;
    case 'quota':
      return rule.config.amount;
    case 'rate':
      return allowance(rule.config).amount;
  }
}

/** Of RateLimit-Policy: how much, and over how many seconds. */
function allocation(rule: Rule): string {
  switch (rule.kind) {
    case 'concurrency':
      return `;q=${rule.config.max};qu="concurrent-requests"`;
    case 'quota':
      return `;q=${rule.config.amount}${CALENDAR_WINDOWS[rule.config.per]}`;
    case 'rate': {
      const { amount, windowSec } = allowance(rule.config);
      return `;q=${amount};w=${windowSec}`;
    }
  }
}

/** No two months need be alike, so of them only RateLimit tells how long they last. */
const CALENDAR_WINDOWS: Readonly<Record<CalendarUnit, string>> = { hour: ';w=3600', day: ';w=86400', month: '' };

/**
 * A rate in whole seconds, as the field wants it: a shorter time, or one that is not whole, is told as the next longer one with as
 * much more in it. Where more may come at once than is regained in the window, it is told by the time in which all of that is.
 */
function allowance({ amount, windowMs, burst }: RateLimitConfig): { readonly amount: number; readonly windowSec: number } {
  const most = Math.max(amount, burst);
  const mostMs = (most * windowMs) / amount;
  const windowSec = wholeSeconds(mostMs);
  return { amount: Math.min(MAX_INTEGER, Math.floor((most * windowSec * 1000) / mostMs)), windowSec };
}

/** The limiter counts in steps of about 0.05 ms: so much over a second is none. */
const STEP_MS = 0.1;
/** Of a structured field (RFC 9651 3.3.1). A burst of a billion that is regained at one a month takes longer. */
const MAX_INTEGER = 999_999_999_999_999;

/** Rounded up, so that who comes again then is not too early. */
function wholeSeconds(ms: number): number {
  return ms > 0 ? Math.min(MAX_INTEGER, Math.max(1, Math.ceil((ms - STEP_MS) / 1000))) : 0;
}
