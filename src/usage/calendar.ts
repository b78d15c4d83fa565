import type { CalendarUnit } from '../config/limit-types.ts';

/** A stretch of wall-clock time, in ms since 1970 UTC: `startMs` belongs to it, `endMs` no more. */
export type CalendarWindow = { readonly startMs: number; readonly endMs: number };

const HOUR_MS = 3_600_000;
/** No clock is, or was since 1970, further from UTC. */
const MAX_OFFSET_MS = 16 * HOUR_MS;

/**
 * The hours, days or months of a time zone: one follows the other without a gap, whatever the clocks do. A day begins when the clock
 * first shows its date, so that it has 23 or 25 hours when the clocks change, and a date that is left out (Samoa, 30 December 2011)
 * has none. An hour ends when the clocks change: the one that is there twice in autumn is two.
 */
export class Calendar {
  readonly #unit: CalendarUnit;
  readonly #zone: Zone;
  #window: CalendarWindow = { startMs: 0, endMs: 0 };

  /** `timeZone`: one that the platform knows; `config` has seen to that. */
  constructor(unit: CalendarUnit, timeZone: string) {
    this.#unit = unit;
    this.#zone = new Zone(timeZone);
  }

  /** The window that holds the instant. As long as it does, the same object, at the cost of two comparisons. */
  at(wallMs: number): CalendarWindow {
    const known = this.#window;
    if (wallMs >= known.startMs && wallMs < known.endMs) return known;
    this.#window = this.#unit === 'hour' ? hourAt(this.#zone, wallMs) : this.#daysAt(wallMs);
    return this.#window;
  }

  #daysAt(wallMs: number): CalendarWindow {
    const date = new Date(this.#zone.localMs(wallMs));
    const isMonth = this.#unit === 'month';
    /** Local midnight with which the n-th one from here begins, as if it were UTC. */
    const midnight = (n: number): number =>
      Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + (isMonth ? n : 0), isMonth ? 1 : date.getUTCDate() + n);
    let startMs = firstShown(this.#zone, midnight(0));
    // Where the clocks go back over midnight, a date is shown again after the next one has begun.
    for (let n = 1; ; n++) {
      const endMs = firstShown(this.#zone, midnight(n));
      if (wallMs < endMs) return { startMs, endMs };
      startMs = endMs;
    }
  }
}

function hourAt(zone: Zone, wallMs: number): CalendarWindow {
  const offsetMs = zone.offsetMs(wallMs);
  const plainStartMs = Math.floor((wallMs + offsetMs) / HOUR_MS) * HOUR_MS - offsetMs;
  const plainEndMs = plainStartMs + HOUR_MS;
  return {
    startMs: zone.offsetMs(plainStartMs) === offsetMs ? plainStartMs : zone.changeBetween(plainStartMs, wallMs),
    endMs: zone.offsetMs(plainEndMs - 1) === offsetMs ? plainEndMs : zone.changeBetween(wallMs, plainEndMs),
  };
}

/** The first instant at which the clock shows the local time `localMs`, or, where it leaves that out, one after it. */
function firstShown(zone: Zone, localMs: number): number {
  const beforeMs = localMs - zone.offsetMs(localMs - MAX_OFFSET_MS);
  const afterMs = localMs - zone.offsetMs(localMs + MAX_OFFSET_MS);
  if (beforeMs === afterMs) return beforeMs;
  const changeMs = zone.changeBetween(localMs - MAX_OFFSET_MS, localMs + MAX_OFFSET_MS);
  return beforeMs < changeMs ? beforeMs : Math.max(afterMs, changeMs);
}

/** What the clocks of a time zone show. */
class Zone {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** What the clock shows, in ms since 1970 as if it were UTC; whole seconds. Takes some microseconds. */
  localMs(wallMs: number): number {
    const shown = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
    for (const { type, value } of this.#format.formatToParts(wallMs)) {
      switch (type) {
        case 'year':
        case 'month':
        case 'day':
        case 'hour':
        case 'minute':
        case 'second':
          shown[type] = Number(value);
      }
    }
    return Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute, shown.second);
  }

  /** How far the clock is ahead of UTC. */
  offsetMs(wallMs: number): number {
    return this.localMs(wallMs) - Math.floor(wallMs / 1000) * 1000;
  }

  /** The instant from which on the offset is that of `toMs`; there must be one change in between. To the second. */
  changeBetween(fromMs: number, toMs: number): number {
    const wanted = this.offsetMs(toMs);
    let low = Math.floor(fromMs / 1000);
    let high = Math.ceil(toMs / 1000);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetMs(middle * 1000) === wanted) high = middle;
      else low = middle;
    }
    return high * 1000;
  }
}
