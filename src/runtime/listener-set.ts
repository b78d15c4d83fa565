import { type DetachReport, detach } from '../base/detach.ts';
import type { TimeSlice } from '../base/time-slice.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { Listener } from '../edge/listener.ts';
import type { OpenListener } from './messages.ts';

/** Opens one listener on this worker, sharing the port with the other workers. Rejects when the address cannot be bound. */
export type OpenOne = (config: ListenerConfig) => Promise<Listener>;

/** An idle keep-alive connection gets this long to bring one more request, which is then answered with `Connection: close`. */
export const LAST_REQUEST_GRACE_MS = 1_000;
const POLL_MS = 10;
const SETTLE_MS = 250;

type Entry = { readonly fingerprint: string; readonly listener: Listener };

/** The listeners of one worker, those in use and those that a reload took away while they still have connections. */
export class ListenerSet {
  readonly #open: OpenOne;
  readonly #report: DetachReport;
  readonly #entries = new Map<string, Entry>();
  readonly #leaving = new Set<Listener>();

  constructor(open: OpenOne, report: DetachReport) {
    this.#open = open;
    this.#report = report;
  }

  get listeners(): readonly OpenListener[] {
    return Array.from(this.#entries.values(), ({ listener: { config, port } }) => ({ name: config.name, host: config.address.host, port }));
  }

  get connections(): number {
    let total = 0;
    for (const { listener } of this.#entries.values()) total += listener.connections;
    for (const listener of this.#leaving) total += listener.connections;
    return total;
  }

  /**
   * Makes the set what the configuration says. The new ones open before the old ones close, also on the same port.
   * When it resolves, no connection comes to one that went or changed; those there end with their next answer, and after
   * `closeAfterMs` in any case.
   * Rejects at the first that does not open; what was open stays.
   */
  async apply(configs: readonly ListenerConfig[], closeAfterMs: number): Promise<void> {
    const fresh = configs.filter((config) => this.#entries.get(config.name)?.fingerprint !== fingerprintOf(config));
    const opened: [string, Entry][] = [];
    try {
      for (const config of fresh) opened.push([config.name, { fingerprint: fingerprintOf(config), listener: await this.#open(config) }]);
    } catch (error) {
      for (const [, { listener }] of opened) {
        await listener.stopAccepting();
        listener.destroy();
      }
      throw error;
    }
    const retired: Listener[] = [];
    const names = new Set(configs.map(({ name }) => name));
    const replaced = new Set(fresh.map(({ name }) => name));
    for (const [name, entry] of this.#entries) {
      if (names.has(name) && !replaced.has(name)) continue;
      this.#entries.delete(name);
      this.#leaving.add(entry.listener);
      retired.push(entry.listener);
    }
    for (const [name, entry] of opened) this.#entries.set(name, entry);
    await Promise.all(retired.map((listener) => listener.stopAccepting()));
    for (const listener of retired) detach(this.#retire(listener, closeAfterMs), `listener ${listener.config.name}`, this.#report);
  }

  sweep(nowMs: number, slice: TimeSlice): void {
    for (const { listener } of this.#entries.values()) listener.sweep(nowMs, slice);
    for (const listener of this.#leaving) listener.sweep(nowMs, slice);
  }

  /** Closes the listen sockets after what waits in their queues has been accepted. Comes before `destroy`. */
  async stopAccepting(): Promise<void> {
    const inUse = Array.from(this.#entries.values(), ({ listener }) => listener);
    await Promise.all([...inUse, ...this.#leaving].map((listener) => listener.stopAccepting()));
  }

  /** Ends the connections: busy ones with their next answer, idle ones after a grace. Resolves when none is left or at the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    await until(() => this.connections === 0, Math.min(LAST_REQUEST_GRACE_MS, deadlineMs));
    for (const { listener } of this.#entries.values()) listener.drain();
    for (const listener of this.#leaving) listener.drain();
    await until(() => this.connections === 0, endMs - performance.now());
  }

  destroy(): void {
    for (const { listener } of this.#entries.values()) listener.destroy();
    for (const listener of this.#leaving) listener.destroy();
    this.#entries.clear();
    this.#leaving.clear();
  }

  async #retire(listener: Listener, closeAfterMs: number): Promise<void> {
    // The other workers close theirs at about this time; only then may clients be sent to connect anew.
    await until(() => listener.connections === 0, SETTLE_MS);
    listener.beginDrain();
    await until(() => listener.connections === 0, LAST_REQUEST_GRACE_MS);
    listener.drain();
    await until(() => listener.connections === 0, closeAfterMs);
    listener.destroy();
    this.#leaving.delete(listener);
  }
}

/** Resolves when `holds`, or after `timeoutMs`. */
export function until(holds: () => boolean, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  return new Promise((resolve) => {
    const look = (): void => {
      if (holds() || performance.now() >= endMs) resolve();
      else setTimeout(look, POLL_MS);
    };
    look();
  });
}

/** Two configurations with one fingerprint need no new listener. The order of keys is the schema's, so text compares. */
function fingerprintOf(config: ListenerConfig): string {
  return JSON.stringify(config);
}
