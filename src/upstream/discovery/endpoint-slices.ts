import { asList, asMap, type RawMap } from '../../config/raw.ts';
import type { EndpointConfig } from '../../config/types.ts';
import { endpointOf } from './source.ts';

/** Endpoint slices of one service by their name, as discovery.k8s.io/v1 has them, and the endpoints in them. */
export class EndpointSlices {
  readonly #port: string;
  readonly #slices = new Map<string, RawMap>();

  /** `port`: name or number; `''` = the only one. */
  constructor(port: string) {
    this.#port = port;
  }

  /** From now on these are all. False: that is no list of slices. */
  replace(list: unknown): boolean {
    const { items } = asMap(list);
    if (!Array.isArray(items)) return false;
    this.#slices.clear();
    for (const item of asList(items)) this.put(item);
    return true;
  }

  put(slice: unknown): void {
    const name = nameOf(slice);
    if (name !== '') this.#slices.set(name, asMap(slice));
  }

  remove(slice: unknown): void {
    this.#slices.delete(nameOf(slice));
  }

  /** Those that are ready. Where none is, those that are on their way out and still serve: as kube-proxy does it. */
  endpoints(): EndpointConfig[] {
    const ready = this.#collect(({ ready: isReady }) => isReady !== false);
    return ready.length > 0 ? ready : this.#collect(({ serving, terminating }) => serving === true && terminating === true);
  }

  #collect(isWanted: (conditions: RawMap) => boolean): EndpointConfig[] {
    return Array.from(this.#slices.values()).flatMap((slice) => {
      const port = this.#portOf(slice);
      if (port === undefined) return [];
      return asList(slice['endpoints'])
        .map(asMap)
        .filter((endpoint) => isWanted(asMap(endpoint['conditions'])))
        .flatMap((endpoint) => addressesOf(endpoint, port));
    });
  }

  #portOf(slice: RawMap): number | undefined {
    const ports = asList(slice['ports']).map(asMap);
    const port = this.#port === '' ? (ports.length === 1 ? ports[0] : undefined) : ports.find((each) => this.#isPort(each));
    return typeof port?.['port'] === 'number' ? port['port'] : undefined;
  }

  #isPort({ name, port }: RawMap): boolean {
    return name === this.#port || String(port) === this.#port;
  }
}

/** All addresses of an endpoint are of one pod: the first is enough, as the API says. */
function addressesOf(endpoint: RawMap, port: number): EndpointConfig[] {
  const [address] = asList(endpoint['addresses']);
  const { zone } = endpoint;
  return typeof address === 'string'
    ? endpointOf(address, port, { weight: 1, priority: 0, zone: typeof zone === 'string' ? zone : '' })
    : [];
}

function nameOf(slice: unknown): string {
  const { name } = asMap(asMap(slice)['metadata']);
  return typeof name === 'string' ? name : '';
}

/** Of a list or an object: where a watch goes on. `''` = it says nothing. */
export function versionOf(object: unknown): string {
  const { resourceVersion } = asMap(asMap(object)['metadata']);
  return typeof resourceVersion === 'string' ? resourceVersion : '';
}
