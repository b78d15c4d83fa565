import { assert } from '../base/assert.ts';
import type { EventLog } from '../observe/log.ts';
import * as events from '../observe/events.ts';
import { type HeartbeatLimits, type Heartbeats, judgeHeartbeat, watchHeartbeat } from '../shm/heartbeat.ts';
import type { Acceptor } from './acceptor.ts';
import { BackOff } from './back-off.ts';
import { Conversations } from './conversations.ts';
import type { FromWorker, OpenListener, PlanMessage, ToWorker, WorkerStart } from './messages.ts';
import type { SpareWorkers } from './spare-workers.ts';
import { WorkerHandle } from './worker-handle.ts';

/** How often signs of life are looked at. */
const LOOK_MS = 250;
/** A thread that was told to end and has not is terminated this long after its deadline. */
const TERMINATE_MARGIN_MS = 1_000;
/** A stuck worker is not waited for longer before the others drain. */
const STOP_TIMEOUT_MS = 2_000;
/** What a worker may take for the last of its access log. */
const LAST_WRITES_MS = 2_000;
/** A worker that is to be replaced may still take so long for its requests, and is terminated after the other. */
const REPLACED_DRAIN_MS = 5_000;
const MAX_DOOMED_MS = 10_000;
/** What is in a call that nothing interrupts (native code, `execSync`) does not end by force. */
const TERMINATE_TIMEOUT_MS = 5_000;
/** While no worker serves the successor does not wait longer, however often one has died: a request that kills must not take all others with it. */
const MAX_DOWN_MS = 1_000;
/** A successor that does not serve by then is replaced. (That of the first ones the supervisor bounds.) */
const START_TIMEOUT_MS = 30_000;

export type CrewOptions = {
  readonly size: number;
  /** Slots for counters and heartbeats; more than `size`, so that a successor can start while the old one still drains. */
  readonly slots: number;
  readonly threads: Pick<SpareWorkers, 'take' | 'endRest'>;
  /** After a death: one worker accepts before the others begin to boot and take the cores from it. */
  readonly isOneFirst: boolean;
  /** With `sharding: acceptor`. */
  readonly acceptor: Acceptor | undefined;
  readonly log: EventLog;
  readonly heartbeats: Heartbeats;
  /** Everything but the slot. */
  startOf(plan: PlanMessage): Omit<WorkerStart, 'slot' | 'plan'>;
  /** The worker has its start, and has not opened anything yet. */
  onStarted(worker: WorkerHandle): void;
  /** Before a slot is given to another thread. False: not yet, ask again. */
  onSlotFreed(slot: number): boolean;
  onDeath(reason: 'exit' | 'error' | 'stuck'): void;
  /** An exception in the programme was reported. */
  onException(): void;
  /** A worker is stuck that cannot be ended from inside the process. */
  onIrreplaceable(reason: string): void;
};

/** The workers: starts them, replaces those that die or get stuck, and asks them all. */
export class Crew {
  readonly #options: CrewOptions;
  readonly #workers = new Set<WorkerHandle>();
  readonly #freeSlots: number[];
  readonly #backOff = new BackOff();
  readonly #conversations = new Conversations();
  readonly #respawns = new Set<NodeJS.Timeout>();
  #lookTimer: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;
  #plan: PlanMessage;
  #lastGeneration: number;
  #isClosing = false;
  #cutConnections = 0;

  constructor(options: CrewOptions, plan: PlanMessage) {
    this.#options = options;
    this.#plan = plan;
    this.#lastGeneration = plan.generation;
    this.#freeSlots = Array.from({ length: options.slots }, (_, slot) => slot);
  }

  get size(): number {
    return this.#options.size;
  }

  /** Every thread has ended. */
  get isEmpty(): boolean {
    return this.#workers.size === 0;
  }

  get plan(): PlanMessage {
    return this.#plan;
  }

  get ready(): readonly WorkerHandle[] {
    return Array.from(this.#workers).filter(({ state }) => state === 'ready');
  }

  /** Every worker that was asked for accepts on every listener of the plan. */
  get isWhole(): boolean {
    const wanted = this.#plan.config.listeners.length;
    return this.ready.length >= this.#options.size && this.ready.every(({ listeners }) => listeners.length === wanted);
  }

  get #hasUws(): boolean {
    return this.#plan.config.listeners.some(({ engine }) => engine === 'uws');
  }

  get listeners(): readonly OpenListener[] {
    return this.ready[0]?.listeners ?? [];
  }

  /** Resolves when all are ready; with text when one of them could not start. */
  async start(): Promise<string | undefined> {
    const { size, isOneFirst, threads } = this.#options;
    const failure = isOneFirst ? await this.#startSome(1) : undefined;
    const lastFailure = failure ?? (await this.#startSome(size - this.#workers.size));
    threads.endRest();
    if (lastFailure !== undefined) return lastFailure;
    this.#lookTimer = setInterval(() => this.#look(), LOOK_MS);
    return undefined;
  }

  async #startSome(count: number): Promise<string | undefined> {
    for (let started = 0; started < count; started++) this.#spawn();
    const failures = await this.ask('ready', () => undefined, Number.POSITIVE_INFINITY);
    return failures[0];
  }

  /** `Conversations.ask` with every worker that serves (`ready`: that starts). */
  ask(answer: FromWorker['kind'], message: (worker: WorkerHandle) => ToWorker | undefined, timeoutMs: number): Promise<readonly string[]> {
    const asked = Array.from(this.#workers).filter(({ state }) => state === (answer === 'ready' ? 'starting' : 'ready'));
    return this.#conversations.ask(asked, { answer, message, timeoutMs });
  }

  /** No plan has the number of another, not even of one that was refused: a worker may still load that. */
  nextGeneration(): number {
    this.#lastGeneration += 1;
    return this.#lastGeneration;
  }

  /** The plan that workers started from now on get; those that run are told by `ask`. */
  adopt(plan: PlanMessage): void {
    this.#plan = plan;
  }

  /**
   * All that serve change to the plan that was adopted. One that became ready while the others prepared it prepares it now. Resolves
   * with what went wrong, a line each; a worker that has not changed by then is replaced, since it would serve another plan than the rest.
   */
  async commit(timeoutMs: number): Promise<readonly string[]> {
    const plan = this.#plan;
    const { generation } = plan;
    const message = (worker: WorkerHandle): ToWorker =>
      worker.prepared === generation ? { kind: 'commit', generation } : { kind: 'prepare', plan };
    const problems = await this.ask('committed', message, timeoutMs);
    for (const worker of this.ready) if (worker.generation !== generation) this.#retire(worker, 'it does not change to the plan in force');
    return problems;
  }

  /** Every worker, whatever its state. */
  get workers(): Iterable<WorkerHandle> {
    return this.#workers;
  }

  tell(message: ToWorker): void {
    for (const worker of this.#workers) worker.send(message);
  }

  /** Drains all, ends all. Resolves with the number of connections that were cut, when the last thread has ended or the time is up. */
  async close(deadlineMs: number): Promise<number> {
    this.#stopRespawning();
    const endMs = performance.now() + deadlineMs;
    await this.ask('stopped-accepting', () => ({ kind: 'stop-accepting' }), STOP_TIMEOUT_MS);
    const leftMs = Math.max(0, endMs - performance.now());
    for (const worker of this.#workers) {
      worker.state = 'leaving';
      worker.send({ kind: 'drain', deadlineMs: leftMs });
    }
    await this.#untilEmpty(leftMs + TERMINATE_MARGIN_MS + LAST_WRITES_MS);
    // What is stuck is ended before the threads that write what it has used last, if that does not end the process.
    if (!this.#hasUws) for (const worker of this.#workers) worker.terminate();
    return this.#cutConnections;
  }

  cut(): void {
    this.#stopRespawning();
    this.tell({ kind: 'cut' });
  }

  #stopRespawning(): void {
    this.#isClosing = true;
    clearInterval(this.#lookTimer);
    for (const timer of this.#respawns) clearTimeout(timer);
  }

  #untilEmpty(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#workers.size === 0) this.#onEmpty();
    });
  }

  #spawn(): void {
    const slot = this.#freeSlots.shift();
    if (slot === undefined) {
      this.#respawnAfter(LOOK_MS);
      return;
    }
    const start = { ...this.#options.startOf(this.#plan), plan: this.#plan, slot };
    const worker = new WorkerHandle(this.#options.threads.take(slot), start, {
      beat: this.#options.heartbeats.read(slot),
      onMessage: (from, message) => this.#onMessage(from, message),
      onExit: (from, code) => this.#onExit(from, code),
    });
    this.#workers.add(worker);
    this.#options.onStarted(worker);
  }

  #respawnAfter(delayMs: number): void {
    const timer = setTimeout(() => {
      this.#respawns.delete(timer);
      if (!this.#isClosing) this.#spawn();
    }, delayMs);
    this.#respawns.add(timer);
  }

  #onMessage(worker: WorkerHandle, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#onReady(worker, message.listeners);
        break;
      case 'failed':
        worker.ending = 'error';
        worker.endingText = message.reason;
        break;
      case 'prepared':
        this.#onPrepared(worker, message.generation);
        break;
      case 'committed':
        worker.generation = message.generation;
        worker.listeners = message.listeners;
        break;
      case 'error':
        this.#report(`worker ${worker.slot}, ${message.where}`, message.text);
        break;
      case 'doomed':
        this.#onDoomed(worker, message.text);
        break;
      case 'join':
      case 'leave':
        this.#onHandover(worker, message);
        break;
      case 'drained':
        this.#cutConnections += message.cut;
        break;
      case 'refused':
        if (message.generation === this.#plan.generation) this.#retire(worker, message.reason);
        break;
      case 'stopped-accepting':
      case 'access-log-moved':
        break;
    }
    this.#conversations.hear(worker, message);
  }

  #onReady(worker: WorkerHandle, listeners: readonly OpenListener[]): void {
    if (worker.state === 'starting') worker.state = 'ready';
    worker.watch = watchHeartbeat(this.#options.heartbeats.read(worker.slot), performance.now());
    worker.listeners = listeners;
    events.workerStarted(this.#options.log, { worker: worker.slot, startMs: Math.round(performance.now() - worker.startedMs) });
    // It was started with a plan that a reload has replaced meanwhile.
    if (worker.generation !== this.#plan.generation) worker.send({ kind: 'prepare', plan: this.#plan });
    if (this.#isClosing) worker.send({ kind: 'cut' });
  }

  #onPrepared(worker: WorkerHandle, generation: number): void {
    worker.prepared = generation;
    if (generation === this.#plan.generation && worker.generation !== generation) worker.send({ kind: 'commit', generation });
  }

  #onHandover(worker: WorkerHandle, { kind, id, handover }: Extract<FromWorker, { kind: 'join' | 'leave' }>): void {
    const { acceptor } = this.#options;
    assert(acceptor !== undefined, 'a worker asks for the acceptor only where there is one');
    const answer = (problem: string | undefined): void => worker.send({ kind: 'handover', id, problem });
    if (kind === 'join') void acceptor.join(worker, handover).then(answer);
    else void acceptor.leave(worker, handover).then(() => answer(undefined));
  }

  /** It drains by itself; its successor need not wait for that. */
  #onDoomed(worker: WorkerHandle, text: string): void {
    this.#report(`worker ${worker.slot}, which drains and is replaced`, text);
    this.#takeLeave(worker, 'an exception in the programme');
  }

  /** It works, but with another plan than the one in force. */
  #retire(worker: WorkerHandle, cause: string): void {
    if (worker.state === 'leaving') return;
    worker.send({ kind: 'drain', deadlineMs: REPLACED_DRAIN_MS });
    this.#takeLeave(worker, cause);
  }

  /** Its successor starts while it drains. */
  #takeLeave(worker: WorkerHandle, cause: string): void {
    if (worker.state === 'leaving') return;
    worker.ending = 'error';
    worker.state = 'leaving';
    this.#replace(worker, cause);
    setTimeout(() => this.#workers.has(worker) && this.#endByForce(worker, `does not end after ${cause}`), MAX_DOOMED_MS).unref();
  }

  #onExit(worker: WorkerHandle, code: number): void {
    this.#workers.delete(worker);
    this.#freeSlot(worker.slot);
    if (this.#options.acceptor?.forget(worker) === true) {
      this.#options.onIrreplaceable(`worker ${worker.slot} ended while the acceptor handed connections to it`);
    }
    if (!this.#isClosing && worker.state !== 'leaving') {
      this.#replace(worker, worker.endingText || `${worker.ending}, code ${code}`);
    }
    worker.state = 'leaving';
    this.#conversations.hear(worker, undefined);
    if (this.#workers.size === 0) this.#onEmpty?.();
  }

  #freeSlot(slot: number): void {
    if (this.#options.onSlotFreed(slot)) this.#freeSlots.push(slot);
    else setTimeout(() => this.#freeSlot(slot), LOOK_MS).unref();
  }

  #replace(worker: WorkerHandle, cause: string): void {
    this.#options.onDeath(worker.ending);
    const isAlone = !Array.from(this.#workers).some((other) => other !== worker && other.state !== 'leaving');
    const restartInMs = Math.min(
      this.#backOff.afterDeath(performance.now() - worker.startedMs),
      isAlone ? MAX_DOWN_MS : Number.POSITIVE_INFINITY,
    );
    events.workerDied(this.#options.log, { worker: worker.slot, cause, restartInMs });
    if (!this.#isClosing) this.#respawnAfter(restartInMs);
  }

  #report(where: string, text: string): void {
    const [message = text] = text.split('\n', 1);
    this.#options.onException();
    events.exceptionCaught(this.#options.log, { where, message, stack: message === text ? undefined : text });
  }

  #look(): void {
    const { stuckReportMs, stuckKillMs } = this.#plan.config.process;
    const serving: HeartbeatLimits = { reportMs: stuckReportMs, replaceMs: stuckKillMs, maxStepMs: 2 * LOOK_MS };
    // It has no beat yet.
    const starting: HeartbeatLimits = { ...serving, reportMs: START_TIMEOUT_MS, replaceMs: START_TIMEOUT_MS };
    for (const worker of this.#workers) {
      if (worker.state === 'leaving') continue;
      const limits = worker.state === 'ready' ? serving : starting;
      const look = { watch: worker.watch, beat: this.#options.heartbeats.read(worker.slot), nowMs: performance.now() };
      const { verdict, watch } = judgeHeartbeat(look, limits);
      const { quietMs } = worker.watch;
      worker.watch = watch;
      if (verdict === 'stuck') events.workerStuck(this.#options.log, { worker: worker.slot, quietMs: Math.round(watch.quietMs) });
      if (verdict === 'recovered') events.workerRecovered(this.#options.log, { worker: worker.slot, quietMs: Math.round(quietMs) });
      if (verdict === 'replace') this.#onStuck(worker, watch.quietMs);
    }
  }

  #onStuck(worker: WorkerHandle, quietMs: number): void {
    if (worker.ending === 'stuck') return;
    worker.ending = 'stuck';
    events.workerReplaced(this.#options.log, { worker: worker.slot, quietMs: Math.round(quietMs) });
    this.#endByForce(worker, 'is stuck');
  }

  /** A thread that ends with a live uWS app takes the process with it: then the process is replaced as a whole. */
  #endByForce(worker: WorkerHandle, why: string): void {
    if (!this.#hasUws) {
      worker.terminate();
      setTimeout(() => this.#giveUpOn(worker, `${why} and does not end`), TERMINATE_TIMEOUT_MS).unref();
      return;
    }
    this.#options.acceptor?.forget(worker);
    this.#giveUpOn(worker, `${why} and serves a uws listener`);
  }

  /** The process is replaced as a whole, if the worker is still there. */
  #giveUpOn(worker: WorkerHandle, why: string): void {
    if (!this.#workers.has(worker)) return;
    worker.state = 'leaving';
    this.#options.onIrreplaceable(`worker ${worker.slot} ${why}`);
  }
}
