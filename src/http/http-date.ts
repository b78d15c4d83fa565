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

const FIXDATE_LENGTH = 29;
const COMMA = 44;
const SPACE = 32;
const COLON = 58;
/** As they stand in a fixdate, with what stands around them. */
const DAYS_LOWER = DAYS.map((day) => `${day.toLowerCase()}, `);
const MONTHS_LOWER = MONTHS.map((month) => ` ${month.toLowerCase()} `);
const RFC_850 = /^([A-Z]{6,9}), (\d{2})-([A-Z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/i;
const ASCTIME = /^([A-Z]{3}) ([A-Z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i;

/**
 * Milliseconds since 1970 of a date in any of the three forms of RFC 9110 5.6.7; `undefined` if it is in none, or names a day
 * that does not exist. Letters may be of any case, since recipients are asked to be robust. `nowMs` decides the century of the
 * two-digit form: never more than 50 years ahead. The day of the week must be a name of one but is not checked against the date.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  return text.length === FIXDATE_LENGTH && text.charCodeAt(3) === COMMA ? parseFixdate(text) : parseObsoleteDate(text, nowMs);
}

/** The form that all send, read in place: three of them come with many a response. */
function parseFixdate(text: string): number | undefined {
  const month = MONTHS_LOWER.indexOf(text.slice(7, 12).toLowerCase());
  const isFramed = DAYS_LOWER.includes(text.slice(0, 5).toLowerCase()) && text.slice(25).toLowerCase() === ' gmt';
  if (!isFramed || month < 0 || text.charCodeAt(16) !== SPACE || text.charCodeAt(19) !== COLON || text.charCodeAt(22) !== COLON)
    return undefined;
  const [year, day] = [100 * twoDigits(text, 12) + twoDigits(text, 14), twoDigits(text, 5)];
  return utc(year, month, day, [twoDigits(text, 17), twoDigits(text, 20), twoDigits(text, 23)]);
}

/** NaN unless both characters are digits. */
function twoDigits(text: string, at: number): number {
  const [tens, ones] = [text.charCodeAt(at) - 48, text.charCodeAt(at + 1) - 48];
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function parseObsoleteDate(text: string, nowMs: number): number | undefined {
  const rfc850 = RFC_850.exec(text);
  if (rfc850 !== null) {
    const [, day = '', date = '', month = '', year = '', hour = '', minute = '', second = ''] = rfc850;
    return isOneOf(LONG_DAYS, day) ? named(fullYear(Number(year), nowMs), month, date, [hour, minute, second]) : undefined;
  }
  const [, day = '', month = '', date = '', hour = '', minute = '', second = '', year = ''] = ASCTIME.exec(text) ?? [];
  return isOneOf(DAYS, day) ? named(Number(year), month, date, [hour, minute, second]) : undefined;
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

function named(year: number, month: string, day: string, time: readonly string[]): number | undefined {
  const [hour = 0, minute = 0, second = 0] = time.map(Number);
  return utc(year, (MONTHS as readonly string[]).indexOf(capitalised(month)), Number(day), [hour, minute, second]);
}

type TimeOfDay = readonly [hour: number, minute: number, second: number];

/** `undefined` where there is no such time. A second of 60 is a leap second (RFC 9110 5.6.7 allows it) and counts as the next minute's first. */
function utc(year: number, month: number, day: number, [hour, minute, second]: TimeOfDay): number | undefined {
  const isTime = hour <= 23 && minute <= 59 && second <= 60;
  if (!isTime || !(year >= 0) || month < 0 || !(day >= 1 && day <= daysIn(year, month))) return undefined;
  const midnight = year > 99 ? Date.UTC(year, month, day) : new Date(0).setUTCFullYear(year, month, day);
  return midnight + ((hour * 60 + minute) * 60 + second) * 1000;
}

function daysIn(year: number, month: number): number {
  if (month === 1) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 3 || month === 5 || month === 8 || month === 10 ? 30 : 31;
}
