import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, tagOf, type TrialPlan } from './trial-plan.ts';

/** What a trial's origin has been asked. */
export type OriginTally = { requests: number; atOnce: number; mostAtOnce: number; rests: number };

/** Answers trials by their plan: one at a time, the first answer to it stopping where the plan says until it is told to go on. */
export class TrialOrigin {
  tally: OriginTally = { requests: 0, atOnce: 0, mostAtOnce: 0, rests: 0 };
  /** Of what it has: 0, and 1 once the content has changed. */
  version = 0;
  #plan: TrialPlan | undefined;
  #bodies: readonly Buffer[] = [];
  #goOn = Promise.withResolvers<void>();
  #stopped = Promise.withResolvers<void>();
  #server: Server | undefined;
  #port = 0;

  async listen(): Promise<number> {
    const server = createServer((request, response) => void this.#answer(request, response).catch(() => response.destroy()));
    this.#server = server;
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    return this.#port;
  }

  /** All that it may be answered with, by version. */
  get bodies(): readonly Buffer[] {
    return this.#bodies;
  }

  begin(plan: TrialPlan): void {
    this.#plan = plan;
    this.#bodies = [0, 1].map((version) => bodyOf(plan.name, version, plan.bytes));
    this.version = 0;
    this.tally = { requests: 0, atOnce: 0, mostAtOnce: 0, rests: 0 };
    this.#goOn = Promise.withResolvers<void>();
    this.#stopped = Promise.withResolvers<void>();
  }

  /** Resolves when the first answer has come to where it stops, or has begun where it does not. */
  untilStopped(): Promise<void> {
    return this.#stopped.promise;
  }

  goOn(): void {
    this.#goOn.resolve();
  }

  cutAll(): void {
    this.#server?.closeAllConnections();
  }

  /** Refuses connections from now on. */
  async leave(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { tally } = this;
    const plan = this.#plan;
    response.on('error', () => {});
    // A straggler of an earlier trial: nobody judges what it gets.
    if (plan === undefined || request.url !== `/c/${plan.name}`) {
      response.writeHead(404).end();
      return;
    }
    tally.requests += 1;
    tally.atOnce += 1;
    tally.mostAtOnce = Math.max(tally.mostAtOnce, tally.atOnce);
    response.on('close', () => {
      tally.atOnce -= 1;
    });
    await this.#send(plan, request, response);
  }

  async #send(plan: TrialPlan, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { version } = this;
    const body = this.#bodies[version] ?? Buffer.alloc(0);
    const isFirst = this.tally.requests === 1;
    if (isFirst && plan.stopAt === 'before-head') await this.#stop();
    const from = this.#partFrom(plan, request);
    if (from > 0) this.tally.rests += 1;
    response.writeHead(from > 0 ? 206 : 200, headersOf(plan, version, from));
    response.flushHeaders();
    if (isFirst && plan.stopAt === 'never') this.#stopped.resolve();
    const stopAt = isFirst && typeof plan.stopAt === 'number' ? plan.stopAt : Number.POSITIVE_INFINITY;
    for (let at = from; at < body.length && !response.destroyed; ) {
      if (at === stopAt) await this.#stop();
      const end = Math.min(body.length, at + plan.pieceBytes, at < stopAt ? stopAt : Number.POSITIVE_INFINITY);
      response.write(body.subarray(at, end));
      at = end;
      if (plan.random() < 0.3) await sleep(plan.random() * 3);
    }
    response.end();
  }

  /** Where the answer begins: not at 0 if it is a part. */
  #partFrom(plan: TrialPlan, { headers }: IncomingMessage): number {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (plan.ranges === 'ignored' || from >= plan.bytes) return 0;
    if (headers['if-range'] !== undefined && headers['if-range'] !== tagOf(plan, this.version)) return 0;
    return plan.ranges === 'good' ? from : Math.max(0, from - 1);
  }

  async #stop(): Promise<void> {
    this.#stopped.resolve();
    await this.#goOn.promise;
  }
}

function headersOf(plan: TrialPlan, version: number, from: number): Record<string, string> {
  const tag = tagOf(plan, version);
  return {
    'cache-control': 'max-age=60',
    ...(tag === undefined ? {} : { etag: tag }),
    ...(from > 0 ? { 'content-range': `bytes ${from}-${plan.bytes - 1}/${plan.bytes}` } : {}),
    ...(plan.framing === 'length' ? { 'content-length': String(plan.bytes - from) } : {}),
  };
}
