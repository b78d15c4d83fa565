import type { Resolver } from 'node:dns';
import type { DiscoveryQuestion } from '../../config/discovery-types.ts';
import { errorCode } from '../network-error.ts';
import { makeResolver, NameLookup } from './name-lookup.ts';
import { Repeater } from './repeater.ts';
import { type DiscoverySource, found, type SourceListener } from './source.ts';

type DnsQuestion = Extract<DiscoveryQuestion, { kind: 'dns' }>;

/** A TTL of nothing would have us ask without end. */
const MIN_PAUSE_MS = 1000;

export type DnsPace = { readonly refreshMs: number; readonly random: () => number };

/** When answers with this TTL are asked for anew. */
export function pauseOf(ttlMs: number, refreshMs: number): number {
  return Math.min(Math.max(ttlMs, MIN_PAUSE_MS), refreshMs);
}

/** The addresses of a name, asked again when the shortest TTL is over. */
export class DnsSource implements DiscoverySource {
  readonly #question: DnsQuestion;
  readonly #listener: SourceListener;
  readonly #refreshMs: number;
  readonly #resolver: Resolver;
  readonly #lookup: NameLookup;
  readonly #repeater: Repeater;

  constructor(question: DnsQuestion, listener: SourceListener, { refreshMs, random }: DnsPace) {
    this.#question = question;
    this.#listener = listener;
    this.#refreshMs = refreshMs;
    this.#resolver = makeResolver(question.servers);
    this.#lookup = new NameLookup(this.#resolver, question.host, question.family);
    this.#repeater = new Repeater(() => this.start(), random);
  }

  start(): void {
    this.#lookup.ask((answer) => {
      if (this.#repeater.isStopped) return;
      if (answer instanceof Error) {
        this.#repeater.retry(this.#refreshMs);
        this.#listener.onProblem(`${this.#question.host}: ${errorCode(answer)}`);
        return;
      }
      this.#repeater.after(pauseOf(answer.ttlMs, this.#refreshMs));
      this.#listener.onEndpoints(answer.addresses.map((address) => found(address, this.#question.port)));
    });
  }

  stop(): void {
    this.#repeater.stop();
    this.#resolver.cancel();
  }
}
