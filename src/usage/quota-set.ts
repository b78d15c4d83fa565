import type { QuotaConfig } from '../config/limit-types.ts';
import { Calendar } from './calendar.ts';

/** A quota as the requests meet it: what is used is counted elsewhere, by the instant at which its time began. */
export class Quota {
  readonly config: QuotaConfig;
  readonly #calendar: Calendar;

  constructor(config: QuotaConfig, calendar: Calendar) {
    this.config = config;
    this.#calendar = calendar;
  }

  /** When the hour, day or month began that holds the instant: seconds since 1970. */
  startSec(wallMs: number): number {
    return this.#calendar.at(wallMs).startMs / 1000;
  }

  /** How long it lasts from the instant on. More than 0. */
  resetMs(wallMs: number): number {
    return this.#calendar.at(wallMs).endMs - wallMs;
  }

  /** What is left when so much is used; 0 in overage. */
  remaining(used: number): number {
    return Math.max(0, this.config.amount - used);
  }
}

/** Makes the quotas of one worker, which share the calendars: a new hour, day or month is found once for all of a time zone. */
export class QuotaSet {
  readonly #calendars = new Map<string, Calendar>();

  quota(config: QuotaConfig): Quota {
    const { per, timeZone } = config;
    const name = `${per} ${timeZone}`;
    let calendar = this.#calendars.get(name);
    if (calendar === undefined) {
      calendar = new Calendar(per, timeZone);
      this.#calendars.set(name, calendar);
    }
    return new Quota(config, calendar);
  }
}
