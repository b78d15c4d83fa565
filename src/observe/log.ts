/** What is known beyond the wording; flat, and never a secret. `undefined` leaves the key out. */
export type EventFields = Readonly<Record<string, string | number | boolean | undefined>>;

export type EventLevel = 'info' | 'warn' | 'error';

/**
 * The event log: what happens to the gateway, not to single requests. `event` is a fixed text from `events.ts`, the same at
 * every occurrence, so that it can be searched and alerted on; what varies is in `fields`.
 */
export interface EventLog {
  info(event: string, fields: EventFields): void;
  warn(event: string, fields: EventFields): void;
  error(event: string, fields: EventFields): void;
}

/** One event as a line of JSON, its line feed included. */
function formatEvent(level: EventLevel, timeMs: number, entry: { readonly event: string; readonly fields: EventFields }): string {
  return `${JSON.stringify({ level, time: new Date(timeMs).toISOString(), event: entry.event, ...entry.fields })}\n`;
}

/** Writes events as lines; for where there is no logger yet (boot, tests, the supervisor). */
export class LineEventLog implements EventLog {
  readonly #write: (line: string) => void;
  readonly #now: () => number;

  /** `now`: wall clock in ms since 1970. */
  constructor(write: (line: string) => void, now: () => number) {
    this.#write = write;
    this.#now = now;
  }

  info(event: string, fields: EventFields): void {
    this.#write(formatEvent('info', this.#now(), { event, fields }));
  }

  warn(event: string, fields: EventFields): void {
    this.#write(formatEvent('warn', this.#now(), { event, fields }));
  }

  error(event: string, fields: EventFields): void {
    this.#write(formatEvent('error', this.#now(), { event, fields }));
  }
}

type Window = { sinceMs: number; count: number };

export type BoundedLogLimits = {
  /** Of one event in a window; further ones are only counted. */
  readonly maxPerWindow: number;
  readonly windowMs: number;
};

/**
 * Bounds what one event may write, since what an outsider can cause he can cause often. What was left out is told, as
 * `suppressed`, by the first of the same event that comes through again. Events are a fixed set, so the memory is too.
 */
export class BoundedEventLog implements EventLog {
  readonly #inner: EventLog;
  readonly #limits: BoundedLogLimits;
  /** Monotonic ms. */
  readonly #now: () => number;
  readonly #windows = new Map<string, Window>();

  constructor(inner: EventLog, limits: BoundedLogLimits, now: () => number) {
    this.#inner = inner;
    this.#limits = limits;
    this.#now = now;
  }

  info(event: string, fields: EventFields): void {
    this.#pass('info', event, fields);
  }

  warn(event: string, fields: EventFields): void {
    this.#pass('warn', event, fields);
  }

  error(event: string, fields: EventFields): void {
    this.#pass('error', event, fields);
  }

  #pass(level: EventLevel, event: string, fields: EventFields): void {
    const nowMs = this.#now();
    const window = this.#windows.get(event);
    const isOpen = window !== undefined && nowMs - window.sinceMs < this.#limits.windowMs;
    if (isOpen) {
      window.count += 1;
      if (window.count <= this.#limits.maxPerWindow) this.#inner[level](event, fields);
      return;
    }
    const suppressed = window === undefined ? 0 : Math.max(0, window.count - this.#limits.maxPerWindow);
    this.#windows.set(event, { sinceMs: nowMs, count: 1 });
    this.#inner[level](event, suppressed > 0 ? { ...fields, suppressed } : fields);
  }
}
