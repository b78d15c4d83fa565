import { createHmac } from 'node:crypto';
import type { StickyConfig } from '../config/balance-types.ts';
import type { EndpointConfig } from '../config/types.ts';
import { cookieIn } from '../http/cookies.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Target } from '../upstream/target.ts';
import type { Exchange } from './exchange.ts';

/** Characters of the signature that are kept: 132 bits. */
const ID_LENGTH = 22;
const RESTRICTED = /^cache-control:[^\r\n]*\b(?:private|no-store)\b/im;

/**
 * A client stays with its endpoint by a cookie. Its value is the HMAC-SHA256, under the upstream's secret, of the upstream and the endpoint: it
 * tells nobody an address, nobody can make one, and every worker and host with the same configuration knows it again. So checking one is a
 * look into a map, and there is nothing to be kept for a client.
 */
export class Sticky {
  readonly #cluster: Cluster;
  readonly #config: StickyConfig;
  readonly #attributes: string;
  #targets: readonly Target[] = [];
  #byId: ReadonlyMap<string, Target> = new Map();
  /** By `host:port`: of the endpoints that there are, and of one that has gone and still answers. */
  #ids = new Map<string, string>();

  constructor(cluster: Cluster, config: StickyConfig) {
    this.#cluster = cluster;
    this.#config = config;
    const age = config.ttlMs === 0 ? '' : `; Max-Age=${Math.round(config.ttlMs / 1000)}`;
    this.#attributes = `; Path=${config.path}${age}; HttpOnly; SameSite=Lax`;
  }

  /** Whom the request's cookie names; `null` = nobody, or one that is gone. */
  heldBy(exchange: Exchange): Target | null {
    const id = this.#told(exchange);
    return id === undefined ? null : (this.#known().get(id) ?? null);
  }

  /**
   * The answer's field lines, with the cookie where the client does not have that of the endpoint that has answered. Only for an answer that
   * is this client's alone; and since it is, caches behind us are told so (of contradicting directives the strictest holds, RFC 9111 section
   * 4.2.1). A 5xx binds nobody to who gave it.
   */
  mark(exchange: Exchange, status: number, block: string): string {
    const { upstream, run } = exchange;
    if (upstream === null || status >= 500 || run?.isWorthFinishing === true) return block;
    const id = this.#idOf(upstream.endpoint);
    if (this.#told(exchange) === id) return block;
    const secure = exchange.listener?.proto === 'https' ? '; Secure' : '';
    const restriction = RESTRICTED.test(block) ? '' : 'Cache-Control: private\r\n';
    return `${block}Set-Cookie: ${this.#config.cookie}=${id}${this.#attributes}${secure}\r\n${restriction}`;
  }

  #told({ facts }: Exchange): string | undefined {
    const cookies = facts.field('cookie');
    return cookies === undefined ? undefined : cookieIn(cookies, this.#config.cookie);
  }

  /** Endpoints come and go with discovery; a list of them is never changed, but replaced. */
  #known(): ReadonlyMap<string, Target> {
    const { targets } = this.#cluster;
    if (targets === this.#targets) return this.#byId;
    const ids = new Map(targets.map(({ endpoint }) => [nameOf(endpoint), this.#idOf(endpoint)]));
    this.#targets = targets;
    this.#byId = new Map(targets.map((target) => [ids.get(nameOf(target.endpoint)) ?? '', target]));
    this.#ids = ids;
    return this.#byId;
  }

  #idOf(endpoint: EndpointConfig): string {
    const name = nameOf(endpoint);
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const text = `${this.#cluster.config.name}\0${name}`;
    const id = createHmac('sha256', this.#config.secret).update(text).digest('base64url').slice(0, ID_LENGTH);
    this.#ids.set(name, id);
    return id;
  }
}

function nameOf({ host, port }: EndpointConfig): string {
  return `${host}:${port}`;
}
