import { createHash, timingSafeEqual } from 'node:crypto';
import { readJsonBody } from './admin-body.ts';
import type { PurgeResult } from './cache-commands.ts';
import type { PlainHandler, PlainReply, PlainRequest } from '../edge/plain-server.ts';

/** What the admin listener can ask of the process. */
export type AdminPort = {
  readonly token: string | undefined;
  isReady(): boolean;
  /** Prometheus text and its content type; `accept` is the scraper's. */
  metrics(accept: string): { readonly text: string; readonly contentType: string };
  reload(): Promise<ReloadResult>;
  drain(): void;
  /** Without secrets. */
  config(): unknown;
  /** `order` is what came as JSON, unchecked. */
  purge(order: unknown): Promise<PurgeResult>;
  /** What the cache holds. */
  cache(): object;
  onRefused(client: string, path: string): void;
};

export type ReloadResult =
  | { readonly kind: 'ok'; readonly notes: readonly string[] }
  /** The old plan serves on. */
  | { readonly kind: 'bad'; readonly problems: readonly string[] };

/**
 * - `GET /healthz`: the process lives; `GET /readyz`: every listener accepts and no drain is under way (503 otherwise)
 * - `GET /metrics`: Prometheus text
 * - `GET /config`: the configuration that serves
 * - `GET /cache`: what the HTTP cache holds
 * - `POST /reload` (422 with the problems when the file is bad), `POST /drain`
 * - `POST /purge` with `{"url": …}`, `{"prefix": …}`, `{"tag": …}` or `{"all": true}`, and `"soft": true` to mark stale only: 200 and
 *   `{"purged": n}` when no worker serves any of it any more; 400 when that is not understood, 409 when no route caches
 *
 * With a token configured all but the two health paths need `Authorization: Bearer TOKEN`; without one, a loopback name as `Host`.
 */
export function adminHandler(port: AdminPort): PlainHandler {
  return (request, reply) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const route = ROUTES[path];
    if (route?.takesBody !== true) request.resume();
    if (route === undefined) return send(reply, 404, { error: 'not found', paths: Object.keys(ROUTES) });
    if (!route.isOpen && !isAllowed(request, port.token)) {
      port.onRefused(request.socket.remoteAddress ?? '', path);
      reply.setHeader('www-authenticate', 'Bearer realm="sluice admin"');
      return send(reply, 401, { error: 'a token is needed' });
    }
    if (!route.isOpen && port.token === undefined && !isAskedByLoopbackName(request))
      return send(reply, 403, { error: 'not by this name' });
    const isFine = request.method === route.method || (route.method === 'GET' && request.method === 'HEAD');
    if (isFine && hasForeignOrigin(request)) return send(reply, 403, { error: 'not for web pages' });
    if (isFine) return route.answer(port, reply, request);
    reply.setHeader('allow', route.method);
    send(reply, 405, { error: `use ${route.method}` });
  };
}

type AdminRoute = {
  readonly method: 'GET' | 'POST';
  /** Needs no token: load balancers ask it. */
  readonly isOpen: boolean;
  readonly takesBody?: true;
  answer(port: AdminPort, reply: PlainReply, request: PlainRequest): void;
};

const ROUTES: Readonly<Record<string, AdminRoute>> = {
  '/healthz': { method: 'GET', isOpen: true, answer: (_port, reply) => send(reply, 200, { status: 'ok' }) },
  '/readyz': { method: 'GET', isOpen: true, answer: answerReady },
  '/metrics': { method: 'GET', isOpen: false, answer: answerMetrics },
  '/config': { method: 'GET', isOpen: false, answer: (port, reply) => send(reply, 200, port.config()) },
  '/cache': { method: 'GET', isOpen: false, answer: (port, reply) => send(reply, 200, port.cache()) },
  '/purge': { method: 'POST', isOpen: false, takesBody: true, answer: answerPurge },
  '/reload': { method: 'POST', isOpen: false, answer: answerReload },
  '/drain': { method: 'POST', isOpen: false, answer: answerDrain },
};

function answerReady(port: AdminPort, reply: PlainReply): void {
  const isReady = port.isReady();
  send(reply, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready' });
}

function answerMetrics(port: AdminPort, reply: PlainReply, request: PlainRequest): void {
  const { text, contentType } = port.metrics(request.headers.accept ?? '');
  reply.writeHead(200, { 'content-type': contentType });
  reply.end(text);
}

function answerReload(port: AdminPort, reply: PlainReply): void {
  port.reload().then(
    (result) =>
      send(reply, result.kind === 'ok' ? 200 : 422, result.kind === 'ok' ? { notes: result.notes } : { problems: result.problems }),
    () => send(reply, 500, { problems: ['the reload broke off; see the event log'] }),
  );
}

const PURGE_STATUS = { ok: 200, bad: 400, none: 409 } as const;

function answerPurge(port: AdminPort, reply: PlainReply, request: PlainRequest): void {
  readJsonBody(request)
    .then((read) => (read.kind === 'ok' ? port.purge(read.value) : { kind: 'bad' as const, problems: [read.problem] }))
    .then(
      (result) => send(reply, PURGE_STATUS[result.kind], result.kind === 'ok' ? { purged: result.purged } : { problems: result.problems }),
      () => send(reply, 500, { problems: ['the purge broke off; see the event log'] }),
    );
}

function answerDrain(port: AdminPort, reply: PlainReply): void {
  send(reply, 202, { status: 'draining' });
  port.drain();
}

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/**
 * Without a token only the loopback address protects us. A page can bind its own name to that, and is then of one origin with
 * us for the browser; but the browser still says the name.
 */
function isAskedByLoopbackName(request: PlainRequest): boolean {
  return LOOPBACK_HOST.test(request.headers.host ?? '');
}

/** A page in a browser on this host could otherwise send a POST to loopback in its user's name. */
function hasForeignOrigin(request: PlainRequest): boolean {
  const { origin, host } = request.headers;
  return request.method === 'POST' && origin !== undefined && origin !== `http://${host}`;
}

function isAllowed(request: PlainRequest, token: string | undefined): boolean {
  if (token === undefined) return true;
  const given = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  // Digests have one length, so that the comparison tells nothing about the token's.
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function send(reply: PlainReply, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  reply.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store' });
  reply.end(text);
}
