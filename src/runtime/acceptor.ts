import type { Worker } from 'node:worker_threads';
import type { OwnSources } from './launch.ts';
import type { FromAcceptor, Handover, ToAcceptor } from './messages.ts';
import { startOwnThread } from './own-thread.ts';
import type { WorkerHandle } from './worker-handle.ts';

const ENTRY = new URL('./acceptor-thread.ts', import.meta.url);

/**
 * The acceptor thread as the coordinator sees it: which worker's apps it hands connections to. An app that ends without
 * having left takes the process with it, so a worker asks to leave and waits for the answer.
 */
export class Acceptor {
  readonly #thread: Worker;
  readonly #joined = new Map<WorkerHandle, Map<number, Handover>>();
  readonly #waiting = new Map<number, (problem: string | undefined) => void>();
  readonly #ended: Promise<void>;
  #lastId = 0;

  /** `onDeath`: the thread has ended unasked. */
  constructor(sources: OwnSources, onDeath: (cause: string) => void) {
    this.#thread = startOwnThread(sources, ENTRY, 'sluice-acceptor');
    this.#thread.on('message', ({ id, problem }: FromAcceptor) => {
      this.#waiting.get(id)?.(problem);
      this.#waiting.delete(id);
    });
    this.#thread.on('error', (error: Error) => onDeath(error.message));
    this.#ended = new Promise((resolve) => this.#thread.once('exit', () => resolve()));
  }

  /** Resolves when connections are handed to the app; with text when the address cannot be had. */
  async join(worker: WorkerHandle, handover: Handover): Promise<string | undefined> {
    const problem = await this.#ask('add', handover);
    if (problem !== undefined) return problem;
    const apps = this.#joined.get(worker) ?? new Map<number, Handover>();
    this.#joined.set(worker, apps.set(handover.descriptor, handover));
    return undefined;
  }

  /** Resolves when none is handed to it any more. */
  async leave(worker: WorkerHandle, handover: Handover): Promise<void> {
    await this.#ask('remove', handover);
    const apps = this.#joined.get(worker);
    apps?.delete(handover.descriptor);
    if (apps?.size === 0) this.#joined.delete(worker);
  }

  /** For a worker that cannot leave by itself. True if it had not left. */
  forget(worker: WorkerHandle): boolean {
    const apps = this.#joined.get(worker);
    if (apps === undefined) return false;
    for (const handover of apps.values()) void this.#ask('remove', handover);
    this.#joined.delete(worker);
    return true;
  }

  /** After the workers. Resolves when the thread has ended. */
  end(): Promise<void> {
    this.#send({ kind: 'end' });
    return this.#ended;
  }

  #ask(kind: 'add' | 'remove', handover: Handover): Promise<string | undefined> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ kind, id, handover });
    });
  }

  #send(message: ToAcceptor): void {
    this.#thread.postMessage(message);
  }
}
