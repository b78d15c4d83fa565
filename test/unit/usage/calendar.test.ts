import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CalendarUnit } from '../../../src/config/limit-types.ts';
import { Calendar } from '../../../src/usage/calendar.ts';

const HOUR_MS = 3_600_000;

/** `2026-10-25T00:30Z … 2026-10-25T01:30Z` */
function shown(unit: CalendarUnit, zone: string, instant: string): string {
  const { startMs, endMs } = new Calendar(unit, zone).at(Date.parse(instant));
  return `${iso(startMs)} … ${iso(endMs)}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/(:00)?\.000Z$/, 'Z');
}

test('the window that holds an instant, across what clocks do', () => {
  const rows: [unit: CalendarUnit, zone: string, instant: string, window: string][] = [
    ['hour', 'UTC', '2026-11-25T01:59:59.999Z', '2026-11-25T01:00Z … 2026-11-25T02:00Z'],
    ['day', 'UTC', '2026-11-25T00:00:00Z', '2026-11-25T00:00Z … 2026-11-26T00:00Z'],
    ['month', 'UTC', '2028-02-29T23:59:59.999Z', '2028-02-01T00:00Z … 2028-03-01T00:00Z'],
    ['month', 'UTC', '2026-12-31T23:59:59.999Z', '2026-12-01T00:00Z … 2027-01-01T00:00Z'],
    ['month', 'Europe/Berlin', '2026-12-31T23:00:00Z', '2026-12-31T23:00Z … 2027-01-31T23:00Z'],
    // Autumn: 3:00 becomes 2:00. The day has 25 hours, and two of them are called 2.
    ['day', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00Z … 2026-10-25T23:00Z'],
    ['month', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-09-30T22:00Z … 2026-10-31T23:00Z'],
    ['hour', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25T00:00Z … 2026-10-25T01:00Z'],
    ['hour', 'Europe/Berlin', '2026-10-25T01:30:00Z', '2026-10-25T01:00Z … 2026-10-25T02:00Z'],
    // Spring: 2:00 becomes 3:00.
    ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00Z … 2026-03-29T22:00Z'],
    ['hour', 'Europe/Berlin', '2026-03-29T01:00:00Z', '2026-03-29T01:00Z … 2026-03-29T02:00Z'],
    // Clocks that are not whole hours from UTC.
    ['hour', 'Asia/Kathmandu', '2026-11-25T01:20:00Z', '2026-11-25T01:15Z … 2026-11-25T02:15Z'],
    ['day', 'Asia/Kathmandu', '2026-11-25T01:20:00Z', '2026-11-24T18:15Z … 2026-11-25T18:15Z'],
    // Lord Howe: at 2:00 it becomes 1:30, and half a year later 2:30.
    ['hour', 'Australia/Lord_Howe', '2026-04-04T14:45:00Z', '2026-04-04T14:00Z … 2026-04-04T15:00Z'],
    ['hour', 'Australia/Lord_Howe', '2026-04-04T15:10:00Z', '2026-04-04T15:00Z … 2026-04-04T15:30Z'],
    ['hour', 'Australia/Lord_Howe', '2026-10-03T15:29:00Z', '2026-10-03T14:30Z … 2026-10-03T15:30Z'],
    ['hour', 'Australia/Lord_Howe', '2026-10-03T15:30:00Z', '2026-10-03T15:30Z … 2026-10-03T16:00Z'],
    // São Paulo, 4 November 2018: there was no midnight.
    ['day', 'America/Sao_Paulo', '2018-11-04T03:00:00Z', '2018-11-04T03:00Z … 2018-11-05T02:00Z'],
    ['day', 'America/Sao_Paulo', '2018-11-04T02:59:59Z', '2018-11-03T03:00Z … 2018-11-04T03:00Z'],
    // Havana, 1 November 2026: midnight was there twice.
    ['day', 'America/Havana', '2026-11-01T12:00:00Z', '2026-11-01T04:00Z … 2026-11-02T05:00Z'],
    // St. John's, 7 November 2010: a minute after midnight it was yesterday again, which is not counted twice.
    ['day', 'America/St_Johns', '2010-11-07T03:00:00Z', '2010-11-07T02:30Z … 2010-11-08T03:30Z'],
    // Samoa left out 30 December 2011.
    ['day', 'Pacific/Apia', '2011-12-30T09:59:59Z', '2011-12-29T10:00Z … 2011-12-30T10:00Z'],
    ['day', 'Pacific/Apia', '2011-12-30T10:00:00Z', '2011-12-30T10:00Z … 2011-12-31T10:00Z'],
    ['month', 'Pacific/Apia', '2011-12-31T09:00:00Z', '2011-12-01T10:00Z … 2011-12-31T10:00Z'],
  ];
  for (const [unit, zone, instant, window] of rows) assert.equal(shown(unit, zone, instant), window, `${unit} ${zone} ${instant}`);
});

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Pacific/Apia',
  'Africa/Casablanca',
  'Asia/Beirut',
];
const LENGTHS: Readonly<Record<CalendarUnit, [min: number, max: number]>> = {
  hour: [1, HOUR_MS],
  day: [20 * HOUR_MS, 26 * HOUR_MS],
  month: [27 * 24 * HOUR_MS, 31 * 24 * HOUR_MS + 2 * HOUR_MS],
};

test('windows follow one another without gap, overlap or change of mind, in any order of asking', () => {
  const units = fc.constantFrom<CalendarUnit[]>('hour', 'day', 'month');
  const instants = fc.integer({ min: Date.UTC(2005, 0), max: Date.UTC(2040, 0) });
  fc.assert(
    fc.property(units, fc.constantFrom(...ZONES), instants, fc.double({ min: 0, max: 1, noNaN: true }), (unit, zone, wallMs, part) => {
      const calendar = new Calendar(unit, zone);
      const window = calendar.at(wallMs);
      const { startMs, endMs } = window;
      const [min, max] = LENGTHS[unit];
      assert.ok(startMs <= wallMs && wallMs < endMs && endMs - startMs >= min && endMs - startMs <= max, `${startMs} ${endMs}`);
      assert.equal(calendar.at(endMs - 0.5), window);
      assert.equal(calendar.at(endMs).startMs, endMs);
      assert.deepEqual(calendar.at(startMs + part * (endMs - startMs - 1)), window);
      assert.equal(calendar.at(startMs - 1).endMs, startMs);
      assert.equal(startMs % 1000, 0);
    }),
    { numRuns: 400 },
  );
});

test('every day of a year in a zone is as long as its dates say', () => {
  const calendar = new Calendar('day', 'Europe/Berlin');
  const lengths = new Map<number, number>();
  for (let at = Date.parse('2025-12-31T23:00Z'); at < Date.parse('2026-12-31T23:00Z'); ) {
    const { startMs, endMs } = calendar.at(at);
    lengths.set((endMs - startMs) / HOUR_MS, (lengths.get((endMs - startMs) / HOUR_MS) ?? 0) + 1);
    at = endMs;
  }
  assert.deepEqual([...lengths].sort(), [
    [23, 1],
    [24, 363],
    [25, 1],
  ]);
});
