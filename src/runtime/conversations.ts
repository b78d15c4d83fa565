import type { FromWorker, ToWorker } from './messages.ts';
import type { WorkerHandle } from './worker-handle.ts';

export type Question = {
  /** The kind of message that answers. */
  readonly answer: FromWorker['kind'];
  /** What to send to each; nothing where the worker speaks by itself. */
  readonly message: (worker: WorkerHandle) => ToWorker | undefined;
  readonly timeoutMs: number;
};

type Listener = (worker: WorkerHandle, message: FromWorker | undefined) => void;

/** Questions to several workers that are under way. */
export class Conversations {
  readonly #listeners = new Set<Listener>();

  /** Every message of a worker, and `undefined` when it has ended. */
  hear(worker: WorkerHandle, message: FromWorker | undefined): void {
    for (const listener of Array.from(this.#listeners)) listener(worker, message);
  }

  /**
   * Waits until each worker has answered, refused, ended or let the time pass. Resolves with what went wrong, a line each. A
   * worker's end is no failure but at its start: its successor begins with the plan in force.
   */
  ask(workers: readonly WorkerHandle[], { answer, message, timeoutMs }: Question): Promise<readonly string[]> {
    const open = new Set(workers);
    const failures: string[] = [];
    const done = Promise.withResolvers<readonly string[]>();
    const listener: Listener = (worker, reply) => {
      const verdict = judge(worker, reply, answer);
      if (verdict === 'other' || !open.delete(worker)) return;
      if (verdict !== 'answered') failures.push(verdict.failure);
      if (open.size === 0) done.resolve(failures);
    };
    const giveUp = (): void => {
      for (const worker of open) failures.push(`worker ${worker.slot} did not answer within ${timeoutMs} ms`);
      done.resolve(failures);
    };
    const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(giveUp, timeoutMs);
    this.#listeners.add(listener);
    for (const worker of workers) {
      const sent = message(worker);
      if (sent !== undefined) worker.send(sent);
    }
    if (open.size === 0) done.resolve(failures);
    return done.promise.finally(() => {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    });
  }
}

function judge(
  worker: WorkerHandle,
  reply: FromWorker | undefined,
  answer: FromWorker['kind'],
): 'other' | 'answered' | { readonly failure: string } {
  if (reply === undefined)
    return answer === 'ready' ? { failure: `worker ${worker.slot} ended: ${worker.endingText || worker.ending}` } : 'answered';
  if (reply.kind === answer) return 'answered';
  return reply.kind === 'refused' || reply.kind === 'failed' ? { failure: reply.reason } : 'other';
}
