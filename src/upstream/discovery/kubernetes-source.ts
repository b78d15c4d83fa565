import type { DiscoveryQuestion } from '../../config/discovery-types.ts';
import { asMap } from '../../config/raw.ts';
import { EndpointSlices, versionOf } from './endpoint-slices.ts';
import { askLines, askOnce, type HttpQuestion, parseJson } from './http-question.ts';
import { Repeater } from './repeater.ts';
import type { DiscoverySource, SourceListener } from './source.ts';

type KubernetesQuestion = Extract<DiscoveryQuestion, { kind: 'kubernetes' }>;

const WATCH_SEC = 300;
const LIST_MS = 10_000;
const GONE = 410;
/** Between a watch that has ended and the next one. */
const PAUSE_MS = 100;

export type KubernetesServices = {
  /** A file's text; throws where it cannot be read. */
  readText(path: string): string;
  readonly random: () => number;
};

/** Endpoints of a service in Kubernetes: its EndpointSlices are listed, then watched; listed anew after every failure. */
export class KubernetesSource implements DiscoverySource {
  readonly #question: KubernetesQuestion;
  readonly #listener: SourceListener;
  readonly #services: KubernetesServices;
  readonly #slices: EndpointSlices;
  readonly #repeater: Repeater;
  /** Where the watch goes on; `''` = the list comes first. */
  #version = '';
  #close = (): void => {};

  constructor(question: KubernetesQuestion, listener: SourceListener, services: KubernetesServices) {
    this.#question = question;
    this.#listener = listener;
    this.#services = services;
    this.#slices = new EndpointSlices(question.port);
    this.#repeater = new Repeater(() => this.start(), services.random);
  }

  start(): void {
    const asked = this.#ask();
    if (typeof asked === 'string') this.#onProblem(asked);
    else if (this.#version === '') this.#list(asked);
    else this.#watch(asked);
  }

  stop(): void {
    this.#repeater.stop();
    this.#close();
  }

  #list(asked: HttpQuestion): void {
    this.#close = askOnce(asked, {
      onAnswer: (body) => {
        const list = parseJson(body);
        const version = versionOf(list);
        if (!this.#slices.replace(list) || version === '') return this.#onProblem('the answer is no list of endpoint slices');
        this.#version = version;
        this.#repeater.after(0);
        this.#listener.onEndpoints(this.#slices.endpoints());
      },
      onFailure: (reason) => this.#onProblem(reason),
    });
  }

  #watch(asked: HttpQuestion): void {
    const query = `&watch=true&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SEC}&resourceVersion=${encodeURIComponent(this.#version)}`;
    this.#close = askLines(
      { ...asked, url: asked.url + query, quietMs: WATCH_SEC * 1000 + LIST_MS },
      {
        onLine: (line) => this.#onLine(line),
        onEnd: () => this.#repeater.after(PAUSE_MS),
        onFailure: (reason, status) => (status === GONE ? this.#listAnew() : this.#onProblem(reason)),
      },
    );
  }

  /** False: the watch is of no more use. */
  #onLine(line: string): boolean {
    const { type, object } = asMap(parseJson(line));
    if (type === 'ERROR') {
      if (asMap(object)['code'] === GONE) this.#listAnew();
      else this.#onProblem(`the watch says ${String(asMap(object)['message'] ?? 'ERROR')}`);
      return false;
    }
    const version = versionOf(object);
    if (version !== '') this.#version = version;
    if (type === 'BOOKMARK') return true;
    if (type === 'DELETED') this.#slices.remove(object);
    else if (type === 'ADDED' || type === 'MODIFIED') this.#slices.put(object);
    else {
      this.#onProblem('the watch says what is no event');
      return false;
    }
    this.#listener.onEndpoints(this.#slices.endpoints());
    return true;
  }

  /** The server no longer knows what has changed since. */
  #listAnew(): void {
    this.#version = '';
    this.#repeater.after(PAUSE_MS);
  }

  #onProblem(reason: string): void {
    this.#version = '';
    this.#repeater.retry();
    this.#listener.onProblem(`kubernetes: ${reason}`);
  }

  /** Text when a file cannot be read. */
  #ask(): HttpQuestion | string {
    const { url, namespace, service, tokenFile, caFile } = this.#question;
    const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
    const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices?labelSelector=${selector}`;
    try {
      const token = tokenFile === '' ? '' : this.#services.readText(tokenFile).trim();
      const ca = caFile === '' ? '' : this.#services.readText(caFile);
      const headers: Record<string, string> = { accept: 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) };
      return { url: url + path, headers, ca, quietMs: LIST_MS };
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
