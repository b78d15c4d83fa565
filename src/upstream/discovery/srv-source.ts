import type { Resolver } from 'node:dns';
import type { DiscoveryQuestion } from '../../config/discovery-types.ts';
import { errorCode } from '../network-error.ts';
import { type DnsPace, pauseOf } from './dns-source.ts';
import { type Addresses, isNone, makeResolver, NameLookup } from './name-lookup.ts';
import { Repeater } from './repeater.ts';
import { type DiscoverySource, found, type SourceListener } from './source.ts';
import { type SrvTarget, targetsOf } from './srv-targets.ts';

type SrvQuestion = Extract<DiscoveryQuestion, { kind: 'srv' }>;

const MAX_TARGETS = 1000;

/** The targets of a service with their addresses. Asked anew after `refreshMs` or the shortest TTL of an address: of SRV records Node does not tell it. */
export class SrvSource implements DiscoverySource {
  readonly #question: SrvQuestion;
  readonly #listener: SourceListener;
  readonly #refreshMs: number;
  readonly #resolver: Resolver;
  readonly #repeater: Repeater;
  /** By the name of a target: kept, since each knows what it found before. */
  #lookups = new Map<string, NameLookup>();

  constructor(question: SrvQuestion, listener: SourceListener, { refreshMs, random }: DnsPace) {
    this.#question = question;
    this.#listener = listener;
    this.#refreshMs = refreshMs;
    this.#resolver = makeResolver(question.servers);
    this.#repeater = new Repeater(() => this.start(), random);
  }

  start(): void {
    this.#resolver.resolveSrv(this.#question.name, (error, records) => {
      if (this.#repeater.isStopped) return;
      if (error === null) this.#onTargets(targetsOf(records.slice(0, MAX_TARGETS)));
      else if (isNone(error)) this.#onAddresses([], new Map());
      else this.#onProblem(this.#question.name, error);
    });
  }

  stop(): void {
    this.#repeater.stop();
    this.#resolver.cancel();
  }

  #onTargets(targets: readonly SrvTarget[]): void {
    const names = new Set(targets.map(({ name }) => name));
    this.#lookups = new Map(Array.from(names, (name) => [name, this.#lookups.get(name) ?? new NameLookup(this.#resolver, name, 'auto')]));
    const answers = new Map<string, Addresses>();
    let awaited = names.size;
    let problem: (() => void) | undefined;
    if (awaited === 0) this.#onAddresses(targets, answers);
    for (const [name, lookup] of this.#lookups) {
      lookup.ask((answer) => {
        awaited -= 1;
        if (answer instanceof Error) problem ??= () => this.#onProblem(name, answer);
        else answers.set(name, answer);
        if (awaited > 0 || this.#repeater.isStopped) return;
        if (problem !== undefined) problem();
        else this.#onAddresses(targets, answers);
      });
    }
  }

  #onAddresses(targets: readonly SrvTarget[], answers: ReadonlyMap<string, Addresses>): void {
    const ttlMs = Math.min(...Array.from(answers.values(), (each) => each.ttlMs), this.#refreshMs);
    this.#repeater.after(pauseOf(ttlMs, this.#refreshMs));
    this.#listener.onEndpoints(
      targets.flatMap(({ name, port, standing }) => (answers.get(name)?.addresses ?? []).map((address) => found(address, port, standing))),
    );
  }

  #onProblem(name: string, error: Error): void {
    this.#repeater.retry(this.#refreshMs);
    this.#listener.onProblem(`${name}: ${errorCode(error)}`);
  }
}
