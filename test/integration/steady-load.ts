import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between an answer and the next request of a client: what goes on under the load needs the processor more. */
const PAUSE_MS = 3;

/** Clients that ask one after another, each on a connection of its own, until they are told to stop. Nothing is asked twice. */
export class SteadyLoad {
  requests = 0;
  /** What went wrong, an entry each: an error's code, or a status that is not 200. */
  readonly failures: string[] = [];
  readonly #clients: Promise<void>[];
  #isStopping = false;

  constructor(url: string, clients: number, keepAlive = true) {
    this.#clients = Array.from({ length: clients }, () => this.#askOn(url, new Agent({ keepAlive, maxSockets: 1 })));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#clients);
  }

  async #askOn(url: string, agent: Agent): Promise<void> {
    while (!this.#isStopping) {
      const outcome = await ask(url, agent);
      this.requests++;
      if (outcome !== undefined) this.failures.push(outcome);
      await sleep(PAUSE_MS);
    }
    agent.destroy();
  }
}

function ask(url: string, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent }, (reply) => {
      reply.resume();
      reply.on('end', () => resolve(reply.statusCode === 200 ? undefined : `status ${reply.statusCode}`));
      reply.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
