import { readFileSync } from 'node:fs';
import type { DiscoveryConfig, DiscoveryQuestion } from '../config/discovery-types.ts';
import * as events from '../observe/events.ts';
import type { DISCOVERY_RESULTS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { KeptSet, type KeptChange } from '../upstream/discovery/kept-set.ts';
import { makeSource, type SourceServices } from '../upstream/discovery/make-source.ts';
import type { DiscoverySource } from '../upstream/discovery/source.ts';
import type { DrivenUpstream, UpstreamDriver } from './upstream-driver.ts';
import { WatchedEndpoints } from './watched-endpoints.ts';

type Result = (typeof DISCOVERY_RESULTS)[number];

/** Keeps the endpoints of one upstream what its source says. */
class DiscoveryDriver implements UpstreamDriver {
  readonly ready: Promise<void>;
  readonly #upstream: DrivenUpstream;
  readonly #question: DiscoveryQuestion;
  readonly #kept: KeptSet;
  readonly #source: DiscoverySource;
  readonly #counts = new Map<Result, number>();
  readonly #onReady: () => void;
  #answeredMs = -1;
  #nowMs = 0;

  constructor(upstream: DrivenUpstream, { question, keepMs, refreshMs }: DiscoveryConfig) {
    this.#upstream = upstream;
    this.#question = question;
    this.#kept = new KeptSet(keepMs, upstream.endpoints());
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#onReady = resolve;
    if (upstream.endpoints().length > 0) resolve();
    const listener = {
      onEndpoints: (endpoints: Parameters<KeptSet['onAnswer']>[0]) => this.#onAnswer(endpoints),
      onProblem: (reason: string) => {
        this.#count('failed');
        this.#carryOut(this.#kept.onProblem(reason, this.#nowMs));
      },
    };
    this.#source = makeSource({ question, keepMs, refreshMs }, listener, servicesOf(upstream));
    this.#source.start();
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#carryOut(this.#kept.tick(nowMs));
  }

  writeMetrics(writer: MetricsWriter): void {
    const upstream = this.#upstream.config.name;
    for (const [result, count] of this.#counts) writer.add(writer.slot('sluice_discovery_answers_total', { upstream, result }), count);
    this.#counts.clear();
    writer.set(writer.slot('sluice_discovery_endpoints', { upstream }), this.#upstream.endpoints().length);
    writer.set(writer.slot('sluice_discovery_failing', { upstream }), this.#kept.problem === '' ? 0 : 1);
  }

  snapshot(): { readonly upstream: object } {
    const { problem } = this.#kept;
    const ageMs = this.#answeredMs < 0 ? undefined : Math.round(this.#nowMs - this.#answeredMs);
    return { upstream: { discovery: { source: sourceText(this.#question), isFailing: problem !== '', problem, goodAnswerAgeMs: ageMs } } };
  }

  stop(): void {
    this.#source.stop();
    this.#onReady();
  }

  #onAnswer(endpoints: Parameters<KeptSet['onAnswer']>[0]): void {
    const changes = this.#kept.onAnswer(endpoints, this.#nowMs);
    const isChanged = changes.some(({ kind }) => kind === 'changed');
    this.#count(endpoints.length === 0 ? 'empty' : isChanged ? 'changed' : 'same');
    if (endpoints.length > 0) this.#answeredMs = this.#nowMs;
    this.#carryOut(changes);
    if (endpoints.length > 0) this.#onReady();
  }

  #carryOut(changes: readonly KeptChange[]): void {
    const { log, config } = this.#upstream;
    const upstream = config.name;
    for (const change of changes) {
      switch (change.kind) {
        case 'changed':
          this.#upstream.setEndpoints(change.endpoints);
          events.endpointsDiscovered(log, { upstream, endpoints: change.endpoints.length, added: change.added, removed: change.removed });
          break;
        case 'failing':
          events.discoveryFailing(log, { upstream, reason: change.reason, endpoints: this.#kept.endpoints.length });
          break;
        case 'recovered':
          events.discoveryRecovered(log, { upstream });
          break;
        case 'expired':
          this.#upstream.setEndpoints([]);
          events.discoveryExpired(log, { upstream, reason: this.#kept.problem });
          break;
      }
    }
  }

  #count(result: Result): void {
    this.#counts.set(result, (this.#counts.get(result) ?? 0) + 1);
  }
}

export function driveDiscovery(upstream: DrivenUpstream): UpstreamDriver | undefined {
  const { discovery } = upstream.config;
  return discovery === undefined ? undefined : new DiscoveryDriver(upstream, discovery);
}

function servicesOf({ log }: DrivenUpstream): SourceServices {
  return {
    random: Math.random,
    readText: (path) => readFileSync(path, 'utf8'),
    watchFile: (path, refreshMs, listener) =>
      new WatchedEndpoints(path, listener, {
        refreshMs,
        onTrouble: (where, error) =>
          events.exceptionCaught(log, { where, message: String(error), stack: error instanceof Error ? error.stack : undefined }),
      }),
  };
}

/** For people; without its secrets. */
function sourceText(question: DiscoveryQuestion): string {
  switch (question.kind) {
    case 'dns':
      return `dns ${question.host}:${question.port}`;
    case 'srv':
      return `srv ${question.name}`;
    case 'file':
      return `file ${question.path}`;
    case 'consul':
      return `consul ${question.service}`;
    case 'kubernetes':
      return `kubernetes ${question.namespace}/${question.service}`;
  }
}
