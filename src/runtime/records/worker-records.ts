import type { MessagePort } from 'node:worker_threads';
import { never } from '../../base/never.ts';
import type {
  BeginOrder,
  BeginWaiter,
  GivingUp,
  IdempotencyRecords,
  KeepWaiter,
  KeptAnswer,
  RunToken,
} from '../../exchange/idempotency-records.ts';
import type { AskRecords, TellWorker } from './record-messages.ts';

type Keeping = { readonly token: RunToken; readonly answer: KeptAnswer; readonly waiter: KeepWaiter };

/**
 * The records as long as the worker lives. The thread behind them may be another after a death; it is told what runs here, and what it
 * has not confirmed is sent to it again.
 */
export class WorkerRecords implements IdempotencyRecords {
  #port: MessagePort | undefined;
  #lastId = 0;
  readonly #asked = new Map<number, BeginWaiter>();
  readonly #running = new Map<number, RunToken>();
  readonly #keeping = new Map<number, Keeping>();

  /** Nothing runs here, and all answers are kept. */
  get isIdle(): boolean {
    return this.#running.size === 0 && this.#keeping.size === 0;
  }

  /** To a thread that has just begun. */
  connect(port: MessagePort): void {
    this.#port?.close();
    this.#onLost();
    this.#port = port;
    port.on('message', (message: TellWorker) => this.#onMessage(message));
    port.on('close', () => {
      if (this.#port !== port) return;
      this.#port = undefined;
      this.#onLost();
    });
    port.unref();
    const tokens = [...this.#running.values()];
    if (tokens.length > 0) this.#tell({ kind: 'resume', tokens });
    for (const { token, answer } of this.#keeping.values()) this.#tell({ kind: 'complete', token, answer });
  }

  begin(order: BeginOrder, waiter: BeginWaiter): number {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#asked.set(id, waiter);
    if (this.#port === undefined) setImmediate(() => this.#settle(id, { kind: 'unavailable' }));
    else this.#tell({ kind: 'begin', id, order });
    return id;
  }

  leave(question: number): void {
    if (this.#asked.delete(question)) this.#tell({ kind: 'leave', id: question });
  }

  complete(token: RunToken, answer: KeptAnswer, waiter: KeepWaiter): void {
    this.#keeping.set(token.run, { token, answer, waiter });
    this.#tell({ kind: 'complete', token, answer });
  }

  giveUp(token: RunToken, how: GivingUp): void {
    this.#running.delete(token.run);
    this.#tell({ kind: 'giveUp', token, how });
  }

  #tell(message: AskRecords): void {
    this.#port?.postMessage(message);
  }

  #onMessage(message: TellWorker): void {
    switch (message.kind) {
      case 'begun':
        this.#settle(message.id, message.begun);
        return;
      case 'kept': {
        const keeping = this.#keeping.get(message.token.run);
        this.#keeping.delete(message.token.run);
        this.#running.delete(message.token.run);
        keeping?.waiter.onKept(message.isKept);
        return;
      }
      default:
        never(message, 'onMessage');
    }
  }

  #settle(id: number, begun: Parameters<BeginWaiter['onBegun']>[0]): void {
    const waiter = this.#asked.get(id);
    if (begun.kind === 'run') this.#running.set(begun.token.run, begun.token);
    if (begun.kind !== 'parked') this.#asked.delete(id);
    if (waiter !== undefined) waiter.onBegun(begun);
    // It has left meanwhile, and nothing was sent.
    else if (begun.kind === 'run') this.giveUp(begun.token, 'unsent');
  }

  /** Whoever has asked gets no answer from there. */
  #onLost(): void {
    for (const id of [...this.#asked.keys()]) this.#settle(id, { kind: 'unavailable' });
  }
}
