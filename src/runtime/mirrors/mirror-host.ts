import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { GatewayConfig } from '../../config/types.ts';
import { DifferenceBook } from '../../exchange/mirror/difference-book.ts';
import { judge, type MirrorReport, type MirrorVerdict } from '../../exchange/mirror/verdict.ts';
import type { EventLog } from '../../observe/log.ts';
import type { MetricsWriter } from '../../observe/metrics-writer.ts';
import * as events from '../../observe/upstream-events.ts';
import type { WorkerHandle } from '../worker-handle.ts';
import type { FromMirrors, ToMirrors } from './mirror-messages.ts';

const VERDICT_NUMBERS: Readonly<Record<MirrorVerdict, number>> = { 'not enough': 0, same: 1, differs: 2 };

type Watched = {
  readonly settings: string;
  readonly shadow: string;
  readonly minRequests: number;
  readonly book: DifferenceBook;
  verdict: MirrorVerdict;
};

/** What all workers' mirrors have shown, from the coordinator's side: the report and the verdict of each, by which the weight of a shadow may be held. */
export class MirrorHost {
  readonly #log: EventLog;
  /** By route. */
  readonly #watched = new Map<string, Watched>();
  readonly #ports = new Set<MessagePort>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** The plan in force. What is compared as before goes on. */
  settle({ routes }: Pick<GatewayConfig, 'routes'>): void {
    const wanted = new Map(routes.map(({ name, mirror }) => [name, JSON.stringify(mirror)]));
    for (const [name, { settings }] of this.#watched) if (wanted.get(name) !== settings) this.#watched.delete(name);
    for (const { name, mirror } of routes) {
      if (mirror?.compare === undefined || this.#watched.has(name)) continue;
      const { upstream: shadow, compare } = mirror;
      const settings = JSON.stringify(mirror);
      this.#watched.set(name, { settings, shadow, minRequests: compare.minRequests, book: new DifferenceBook(), verdict: 'not enough' });
    }
    this.#tell();
  }

  /** A worker has started. */
  link(worker: WorkerHandle): void {
    const { port1, port2 } = new MessageChannel();
    this.#ports.add(port1);
    port1.on('message', (differences: FromMirrors) => this.#merge(differences));
    port1.on('close', () => this.#ports.delete(port1));
    port1.unref();
    worker.send({ kind: 'mirrors', port: port2 }, [port2]);
    port1.postMessage(this.verdicts);
  }

  /** Of each shadow that is compared, by its upstream's name; where several routes do, the worst. */
  get verdicts(): ToMirrors {
    const verdicts: Record<string, MirrorVerdict> = {};
    for (const { shadow, verdict } of this.#watched.values()) verdicts[shadow] = worseOf(verdicts[shadow] ?? 'same', verdict);
    return verdicts;
  }

  /** For `GET /mirrors`. */
  report(): { readonly mirrors: readonly ({ readonly name: string; readonly shadow: string } & MirrorReport)[] } {
    return {
      mirrors: Array.from(this.#watched, ([name, { shadow, book, minRequests }]) => ({ name, shadow, ...judge(book.read(), minRequests) })),
    };
  }

  /** What was compared is forgotten. False: there is no such mirror. */
  reset(name: string): boolean {
    const watched = this.#watched.get(name);
    if (watched === undefined) return false;
    watched.book.clear();
    this.#judge(name, watched);
    return true;
  }

  writeMetrics(writer: MetricsWriter): void {
    for (const [route, { book, verdict }] of this.#watched) {
      writer.set(writer.slot('sluice_mirror_compared', { route }), book.compared);
      writer.set(writer.slot('sluice_mirror_verdict', { route }), VERDICT_NUMBERS[verdict]);
    }
  }

  #merge(differences: FromMirrors): void {
    for (const [name, found] of Object.entries(differences)) {
      const watched = this.#watched.get(name);
      if (watched === undefined) continue;
      watched.book.merge(found);
      this.#judge(name, watched);
    }
  }

  #judge(route: string, watched: Watched): void {
    const { verdict, compared, fields } = judge(watched.book.read(), watched.minRequests);
    if (verdict === watched.verdict) return;
    watched.verdict = verdict;
    const differing = fields.filter(({ isDifferent }) => isDifferent).map(({ field }) => field);
    events.mirrorJudged(this.#log, { route, shadow: watched.shadow, verdict, compared, fields: differing.slice(0, 10).join(' ') });
    this.#tell();
  }

  #tell(): void {
    const { verdicts } = this;
    for (const port of this.#ports) port.postMessage(verdicts);
  }
}

function worseOf(one: MirrorVerdict, other: MirrorVerdict): MirrorVerdict {
  if (one === 'differs' || other === 'differs') return 'differs';
  return one === 'not enough' || other === 'not enough' ? 'not enough' : 'same';
}
