import type { DiscoveryQuestion } from '../../config/discovery-types.ts';
import { readConsul } from './consul-answer.ts';
import { askOnce, parseJson } from './http-question.ts';
import { Repeater } from './repeater.ts';
import type { DiscoverySource, SourceListener } from './source.ts';

type ConsulQuestion = Extract<DiscoveryQuestion, { kind: 'consul' }>;

const WAIT_SEC = 60;
/** Consul adds up to a sixteenth to the wait. */
const QUIET_MS = WAIT_SEC * 1000 * 1.0625 + 5000;
/** Between two answers, also of a server that does not wait. */
const MIN_PAUSE_MS = 100;

/** Instances of a service in Consul, by blocking queries: an answer comes when something has changed, or after a minute. */
export class ConsulSource implements DiscoverySource {
  readonly #question: ConsulQuestion;
  readonly #listener: SourceListener;
  readonly #refreshMs: number;
  readonly #repeater: Repeater;
  #index = 0;
  #close = (): void => {};

  constructor(question: ConsulQuestion, listener: SourceListener, { refreshMs, random }: { refreshMs: number; random: () => number }) {
    this.#question = question;
    this.#listener = listener;
    this.#refreshMs = refreshMs;
    this.#repeater = new Repeater(() => this.start(), random);
  }

  start(): void {
    const { token } = this.#question;
    const headers: Record<string, string> = token === '' ? {} : { 'x-consul-token': token };
    this.#close = askOnce(
      { url: this.#url(), headers, ca: '', quietMs: QUIET_MS },
      {
        onAnswer: (body, field) => this.#onAnswer(body, Number(field('x-consul-index'))),
        onFailure: (reason) => this.#onProblem(reason),
      },
    );
  }

  stop(): void {
    this.#repeater.stop();
    this.#close();
  }

  #url(): string {
    const { url, service, tag, datacenter, isPassingOnly } = this.#question;
    const query = new URLSearchParams();
    if (isPassingOnly) query.set('passing', 'true');
    if (tag !== '') query.set('tag', tag);
    if (datacenter !== '') query.set('dc', datacenter);
    if (this.#index > 0) {
      query.set('index', String(this.#index));
      query.set('wait', `${WAIT_SEC}s`);
    }
    return `${url}/v1/health/service/${encodeURIComponent(service)}?${query.toString()}`;
  }

  #onAnswer(body: string, index: number): void {
    const endpoints = readConsul(parseJson(body));
    if (typeof endpoints === 'string') {
      this.#onProblem(endpoints);
      return;
    }
    // An index that goes back (a restored snapshot), or is none, begins anew: with an old one Consul would not answer for long.
    const isGood = Number.isSafeInteger(index) && index > 0;
    const isSame = isGood && index === this.#index;
    this.#index = isGood && index >= this.#index ? index : 0;
    // Without an index, and from one who does not wait, it is a question from time to time.
    this.#repeater.after(isGood && !isSame ? MIN_PAUSE_MS : isSame ? Math.min(1000, this.#refreshMs) : this.#refreshMs);
    this.#listener.onEndpoints(endpoints);
  }

  #onProblem(reason: string): void {
    this.#index = 0;
    this.#repeater.retry();
    this.#listener.onProblem(`consul: ${reason}`);
  }
}
