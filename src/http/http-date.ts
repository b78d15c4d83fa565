const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const LONG_DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** An IMF-fixdate (RFC 9110 5.6.7) of a time in milliseconds since 1970, as `Date` and `Last-Modified` have it. */
export function formatHttpDate(epochMs: number): string {
  return new Date(epochMs).toUTCString();
}

/** The date of now for `Date` fields, made once a second. */
export class DateLine {
  #second = -1;
  #text = '';

  /** The IMF-fixdate of a time in milliseconds since 1970. */
  at(epochMs: number): string {
    const second = Math.floor(epochMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = formatHttpDate(second * 1000);
    }
    return this.#text;
  }
}

const IMF_FIXDATE = /^([A-Z]{3}), (\d{2}) ([A-Z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/i;
const RFC_850 = /^([A-Z]{6,9}), (\d{2})-([A-Z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/i;
const ASCTIME = /^([A-Z]{3}) ([A-Z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i;

/**
 * Milliseconds since 1970 of a date in any of the three forms of RFC 9110 5.6.7; `undefined` if it is in none, or names a day
 * that does not exist. Letters may be of any case, since recipients are asked to be robust. `nowMs` decides the century of the
 * two-digit form: never more than 50 years ahead. The day of the week must be a name of one but is not checked against the date.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const fixdate = IMF_FIXDATE.exec(text);
  if (fixdate !== null) {
    const [, day = '', date = '', month = '', year = '', hour = '', minute = '', second = ''] = fixdate;
    return isOneOf(DAYS, day) ? utc([year, month, date, hour, minute, second]) : undefined;
  }
  const rfc850 = RFC_850.exec(text);
  if (rfc850 !== null) {
    const [, day = '', date = '', month = '', year = '', hour = '', minute = '', second = ''] = rfc850;
    return isOneOf(LONG_DAYS, day) ? utc([String(fullYear(Number(year), nowMs)), month, date, hour, minute, second]) : undefined;
  }
  const [, day = '', month = '', date = '', hour = '', minute = '', second = '', year = ''] = ASCTIME.exec(text) ?? [];
  return isOneOf(DAYS, day) ? utc([year, month, date, hour, minute, second]) : undefined;
}

function isOneOf(names: readonly string[], name: string): boolean {
  return names.includes(capitalised(name));
}

function capitalised(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1).toLowerCase();
}

function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

type DateParts = readonly [year: string, month: string, day: string, hour: string, minute: string, second: string];

/** A second of 60 is a leap second (RFC 9110 5.6.7 allows it) and counts as the next minute's first. */
function utc(parts: DateParts): number | undefined {
  const monthIndex = (MONTHS as readonly string[]).indexOf(capitalised(parts[1]));
  const [year, month, day, hour, minute, second] = [parts[0], monthIndex, ...parts.slice(2)].map(Number);
  if (
    year === undefined ||
    month === undefined ||
    day === undefined ||
    hour === undefined ||
    minute === undefined ||
    second === undefined
  ) {
    return undefined;
  }
  if (month < 0 || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  return date.setUTCHours(hour, minute, second);
}
