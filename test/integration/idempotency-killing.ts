import { randomFrom } from '../harness/random-from.ts';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request as ask, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { childrenOf } from './processes.ts';

/**
 * Clients that send POSTs with keys until each has an outcome, while the proxy is killed under them at random moments: the whole
 * process (`SIGKILL`), or one of its workers. What the origin carried out is counted by key.
 */

const CLIENTS = 8;
const WORKERS = 2;
const MAX_ORIGIN_MS = 30;
/** After this many deaths of its process the supervisor waits too long between them for this: another one is started. */
const DEATHS_A_LIFE = 4;
const MAX_WAIT_MS = 250;
const MAX_TRIES = 500;
const RETRY_MS = 20;
const REQUEST_TIMEOUT_MS = 15_000;
const READY_TIMEOUT_MS = 60_000;

/** `kills`: of the process; workers die beside them. */
export type KillingOptions = { readonly kills: number; readonly seed: number };

export type KillingCounts = {
  /** Keys that got an outcome, and of these: answered, told as unknown. */
  keys: number;
  answered: number;
  unknown: number;
  /** Of those unknown: what the origin did carry out. */
  unknownButRun: number;
  /** Requests that were sent again, for whatever reason. */
  retries: number;
  processKills: number;
  workerKills: number;
  /** Requests that were under way when something was killed. */
  caught: number;
};

export type KillingReport = { readonly counts: KillingCounts; readonly faults: readonly string[] };

type Reply = { readonly status: number; readonly body: string; readonly isReplayed: boolean };

export async function killUnderKeys({ kills, seed }: KillingOptions): Promise<KillingReport> {
  const scene = new Scene(seed);
  try {
    await scene.begin();
    await scene.run(kills);
    return { counts: scene.counts, faults: scene.faults };
  } finally {
    await scene.end();
  }
}

class Scene {
  readonly counts: KillingCounts = {
    keys: 0,
    answered: 0,
    unknown: 0,
    unknownButRun: 0,
    retries: 0,
    processKills: 0,
    workerKills: 0,
    caught: 0,
  };
  readonly faults: string[] = [];
  readonly #store = mkdtempSync(join(tmpdir(), 'sluice-killing-'));
  readonly #runs = new Map<string, number>();
  readonly #origin: Server;
  readonly #random: () => number;
  #sluice!: SluiceProcess;
  #inFlight = 0;
  #answers = 0;
  #deaths = 0;
  #isOver = false;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.#origin = createServer((request, response) => {
      // Only a whole request is carried out, and then at once.
      request.resume().on('end', () => {
        const key = String(request.headers['idempotency-key']);
        this.#runs.set(key, (this.#runs.get(key) ?? 0) + 1);
        setTimeout(() => response.writeHead(201).end(answerTo(key)), this.#random() * MAX_ORIGIN_MS);
      });
    });
  }

  async begin(): Promise<void> {
    await new Promise<void>((resolve) => this.#origin.listen(0, '127.0.0.1', resolve));
    await this.#start();
  }

  async run(kills: number): Promise<void> {
    const clients = Array.from({ length: CLIENTS }, (_, client) => this.#beClient(client));
    while (this.counts.processKills < kills) {
      await this.#untilServing();
      await sleep(this.#random() * MAX_WAIT_MS);
      await this.#kill();
    }
    this.#isOver = true;
    await Promise.all(clients);
    for (const [key, runs] of this.#runs) if (runs > 1) this.faults.push(`${key} ran ${runs} times`);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#sluice?.stop();
    this.#origin.closeAllConnections();
    this.#origin.close();
    rmSync(this.#store, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const { port } = this.#origin.address() as AddressInfo;
    const config = `
listeners: ["127.0.0.1:0"]
upstreams: { o: { endpoints: ["http://127.0.0.1:${port}"] } }
routes:
  - { name: die, match: /die, respond: 200, filters: [./die.ts] }
  - { name: pay, upstream: o, dedupe: { methods: [], maxWait: 5s, idempotencyKey: { required: true } } }
store: { path: "${this.#store}", cacheDisk: 0 }
`;
    const files = { 'die.ts': 'export const filter = { request: () => process.exit(7) };\nexport default filter;\n' };
    this.#sluice = await SluiceProcess.start({ config, files, env: { SLUICE_WORKERS: String(WORKERS), SLUICE_LOG: 'warn' } });
    this.#deaths = 0;
  }

  async #kill(): Promise<void> {
    this.counts.caught += this.#inFlight;
    if (this.#random() < 0.25) {
      this.counts.workerKills += 1;
      await this.#ask({ method: 'GET', path: '/die' }).catch(() => undefined);
      return;
    }
    this.counts.processKills += 1;
    this.#deaths += 1;
    const proxies = childrenOf(this.#sluice.pid);
    if (this.#deaths > DEATHS_A_LIFE) {
      this.#sluice.signal('SIGKILL');
      for (const pid of proxies) process.kill(pid, 'SIGKILL');
      await this.#sluice.untilExit();
      await this.#start();
      return;
    }
    for (const pid of proxies) process.kill(pid, 'SIGKILL');
  }

  async #untilServing(): Promise<void> {
    const before = this.#answers;
    await waitFor('it serves again', () => this.#answers > before + CLIENTS, READY_TIMEOUT_MS);
  }

  async #beClient(client: number): Promise<void> {
    for (let n = 0; !this.#isOver; n++) await this.#carryOut(`key-${client}-${n}`);
  }

  /** Sends a request until it has an outcome, and once more. */
  async #carryOut(key: string): Promise<void> {
    const outcome = await this.#untilOutcome(key);
    if (outcome === undefined) return;
    const again = await this.#untilOutcome(key);
    this.counts.keys += 1;
    const runs = this.#runs.get(key) ?? 0;
    if (outcome.status === 201) {
      this.counts.answered += 1;
      if (runs !== 1) this.faults.push(`${key} was answered and ran ${runs} times`);
      if (outcome.body !== answerTo(key)) this.faults.push(`${key} got ${JSON.stringify(outcome.body.slice(0, 100))}`);
    } else {
      this.counts.unknown += 1;
      this.counts.unknownButRun += runs;
    }
    if (again === undefined) return;
    // What was told is told again; an answer that could not be kept before its worker died may have become unknown.
    if (outcome.status !== 201 && again.status === 201) this.faults.push(`${key} was unknown and is not any more`);
    if (again.status === 201 && !again.isReplayed) this.faults.push(`${key} was not replayed`);
    if (outcome.status === 201 && again.status !== 201) this.faults.push(`${key} was answered, and is ${again.status} ${again.body}`);
  }

  async #untilOutcome(key: string): Promise<Reply | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (tries > 0) this.counts.retries += 1;
      this.#inFlight += 1;
      const reply = await this.#ask({ method: 'POST', path: '/pay', key }).catch(() => undefined);
      this.#inFlight -= 1;
      if (reply !== undefined) this.#answers += 1;
      if (reply?.status === 201 || reply?.body.includes('idempotency-outcome-unknown') === true) return reply;
      if (reply !== undefined && ![409, 502, 503, 504].includes(reply.status)) {
        this.faults.push(`${key} got ${reply.status} ${reply.body}`);
        return undefined;
      }
      await sleep(RETRY_MS);
    }
    this.faults.push(`${key} has no outcome`);
    return undefined;
  }

  async #ask({ method, path, key = '' }: { readonly method: string; readonly path: string; readonly key?: string }): Promise<Reply> {
    const { port } = this.#sluice;
    // Its port changes with each start, and what is asked for counts.
    const fields = { host: 'pay.example', ...(key === '' ? {} : { 'idempotency-key': key }) };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = ask({ host: '127.0.0.1', port, path, method, agent: false, headers: fields, timeout: REQUEST_TIMEOUT_MS }, resolve);
      asked.on('error', reject).on('timeout', () => asked.destroy(new Error('timeout')));
      asked.end(method === 'POST' ? `body of ${key}` : undefined);
    });
    return { status: answer.statusCode ?? 0, body: await text(answer), isReplayed: answer.headers['idempotent-replayed'] === 'true' };
  }
}

/** Some are long, so that one is killed in the middle of them too. */
function answerTo(key: string): string {
  const digest = createHash('sha256').update(key).digest();
  return `${key} ${digest.toString('hex').repeat((digest[0] ?? 0) % 16 === 0 ? 2000 : 1)}`;
}
