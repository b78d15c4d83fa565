import type { MessagePort, Worker } from 'node:worker_threads';
import { type HeartbeatWatch, watchHeartbeat } from '../shm/heartbeat.ts';
import type { FromWorker, OpenListener, ToWorker, WorkerStart } from './messages.ts';

export type WorkerEvents = {
  /** The slot's heartbeat as it stands before the thread begins. */
  readonly beat: number;
  onMessage(worker: WorkerHandle, message: FromWorker): void;
  /** Exactly once, after the thread has ended. */
  onExit(worker: WorkerHandle, code: number): void;
};

/** One worker thread as the coordinator sees it. */
export class WorkerHandle {
  readonly slot: number;
  readonly startedMs = performance.now();
  /** The plan that it serves. */
  generation: number;
  /** The plan that it has loaded last, to change to. */
  prepared = 0;
  listeners: readonly OpenListener[] = [];
  state: 'starting' | 'ready' | 'leaving' = 'starting';
  /** Why it ends, as far as it is known before. */
  ending: 'exit' | 'error' | 'stuck' = 'exit';
  endingText = '';
  watch: HeartbeatWatch;
  readonly #worker: Worker;

  /** `thread` waits for its start. */
  constructor(thread: Worker, start: WorkerStart, events: WorkerEvents) {
    this.slot = start.slot;
    this.generation = start.plan.generation;
    this.watch = watchHeartbeat(events.beat, this.startedMs);
    this.#worker = thread;
    this.#worker.on('message', (message: FromWorker) => events.onMessage(this, message));
    this.#worker.on('error', (error: Error) => {
      this.ending = 'error';
      this.endingText = error.message;
    });
    this.#worker.on('exit', (code) => events.onExit(this, code));
    this.#worker.postMessage(start);
  }

  send(message: ToWorker, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** Ends the thread wherever it is. With a live uWS app in it this would end the whole process. */
  terminate(): void {
    void this.#worker.terminate();
  }
}
