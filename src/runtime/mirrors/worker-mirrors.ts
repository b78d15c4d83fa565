import type { MessagePort } from 'node:worker_threads';
import type { Gateway } from '../../exchange/gateway.ts';
import type { ToMirrors } from './mirror-messages.ts';

const TELL_MS = 2000;

/** One worker's way to the coordinator for what mirrored answers have shown. Nothing is sent while nothing is compared. */
export class WorkerMirrors {
  readonly #gateway: Gateway;
  #port: MessagePort | undefined;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    setInterval(() => this.#tell(), TELL_MS).unref();
  }

  connect(port: MessagePort): void {
    this.#port = port;
    port.on('message', (verdicts: ToMirrors) => this.#gateway.useVerdicts(verdicts));
    port.unref();
  }

  #tell(): void {
    const differences = this.#gateway.mirrors.take();
    if (differences !== undefined) this.#port?.postMessage(differences);
  }
}
