import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { detach } from '../base/detach.ts';
import type { DiscoverySource, SourceListener } from '../upstream/discovery/source.ts';
import { summarizeError } from './faults.ts';

const MAX_BYTES = 2 ** 20;
/** Several events belong to one change. */
const SETTLE_MS = 20;

export type WatchOptions = { readonly refreshMs: number; onTrouble(where: string, error: unknown): void };

/**
 * A list of endpoints in a file. Its folder is watched, and not the file: one that is replaced (by renaming, or by a link as Kubernetes does it)
 * is another file. Read anew at each event there and after `refreshMs`, since not all file systems tell of changes.
 */
export class WatchedEndpoints implements DiscoverySource {
  readonly #path: string;
  readonly #listener: SourceListener;
  readonly #options: WatchOptions;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What was parsed last; parsing is what costs. */
  #text: string | undefined;
  #tell = (): void => {};
  #isStopped = false;

  constructor(path: string, listener: SourceListener, options: WatchOptions) {
    this.#path = path;
    this.#listener = listener;
    this.#options = options;
  }

  start(): void {
    this.#read();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  #readSoon(delayMs: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#read(), delayMs).unref();
  }

  #read(): void {
    this.#watch();
    this.#readSoon(this.#options.refreshMs);
    const text = this.#load();
    if (text === undefined) return;
    // An unchanged file is an answer like any other, also when it is an unusable one.
    if (text === this.#text) this.#tell();
    else detach(this.#parse(text), 'discovery file', this.#options.onTrouble);
  }

  #load(): string | undefined {
    try {
      if (statSync(this.#path).size > MAX_BYTES) throw new Error('is longer than 1 MiB');
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      this.#text = undefined;
      this.#listener.onProblem(`${this.#path}: ${summarizeError(error)}`);
      return undefined;
    }
  }

  async #parse(text: string): Promise<void> {
    this.#text = text;
    const { readEndpointList } = await import('../config/load-endpoints.ts');
    if (this.#isStopped || this.#text !== text) return;
    const endpoints = readEndpointList(text, basename(this.#path));
    this.#tell = () => {
      if (typeof endpoints === 'string') this.#listener.onProblem(endpoints);
      else this.#listener.onEndpoints(endpoints);
    };
    this.#tell();
  }

  /** A folder that is not there, or goes, is looked for again with the next reading. */
  #watch(): void {
    if (this.#watcher !== undefined || this.#isStopped) return;
    const forget = (): void => {
      this.#watcher?.close();
      this.#watcher = undefined;
    };
    try {
      this.#watcher = watch(dirname(this.#path), { persistent: false }, () => this.#readSoon(SETTLE_MS));
      this.#watcher.on('error', forget);
    } catch {
      // Told by the reading, which fails too.
      forget();
    }
  }
}
