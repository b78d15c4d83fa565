import type { TimeSlice } from '../base/time-slice.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { Listener } from '../edge/listener.ts';
import type { UwsChildListener } from '../edge/uws-listener.ts';
import type { Gateway } from '../exchange/gateway.ts';
import type { FromWorker, Handover } from './messages.ts';

type Tell = (message: FromWorker) => void;

/** The worker's side of `sharding: acceptor`: its listeners do not listen, the acceptor hands them connections. */
export class Handovers {
  readonly #tell: Tell;
  readonly #waiting = new Map<number, (problem: string | undefined) => void>();
  #lastId = 0;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  /** Resolves when connections come. Rejects where the addon does not load, or if the address cannot be had. */
  async open(config: ListenerConfig, gateway: Gateway): Promise<Listener> {
    const { openUwsChild } = await import('../edge/uws-listener.ts');
    const { address } = config;
    const child = await openUwsChild(config, gateway, address.port);
    const handover: Handover = { address, descriptor: child.descriptor };
    const problem = await this.#ask('join', handover);
    if (problem === undefined) return new AcceptedListener(child, () => this.#ask('leave', handover));
    child.destroy();
    throw new Error(problem);
  }

  /** The coordinator has answered. */
  onAnswer(id: number, problem: string | undefined): void {
    this.#waiting.get(id)?.(problem);
    this.#waiting.delete(id);
  }

  #ask(kind: 'join' | 'leave', handover: Handover): Promise<string | undefined> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#tell({ kind, id, handover });
    });
  }
}

/** A child app that leaves the acceptor before anything else may end it; `destroy` is for after that. */
class AcceptedListener implements Listener {
  readonly #child: UwsChildListener;
  readonly #leave: () => Promise<unknown>;
  #left: Promise<void> | undefined;

  constructor(child: UwsChildListener, leave: () => Promise<unknown>) {
    this.#child = child;
    this.#leave = leave;
  }

  get config(): ListenerConfig {
    return this.#child.config;
  }

  get port(): number {
    return this.#child.port;
  }

  get connections(): number {
    return this.#child.connections;
  }

  stopAccepting(): Promise<void> {
    this.#left ??= this.#leaveAcceptor();
    return this.#left;
  }

  beginDrain(): void {
    this.#child.beginDrain();
  }

  drain(): void {
    this.#child.drain();
  }

  sweep(nowMs: number, slice: TimeSlice): void {
    this.#child.sweep(nowMs, slice);
  }

  destroy(): void {
    this.#child.destroy();
  }

  /** What was handed over before it left is on its way for one turn of the loop. */
  async #leaveAcceptor(): Promise<void> {
    await this.#leave();
    await this.#child.stopAccepting();
  }
}
