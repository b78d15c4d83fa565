import { createHash, timingSafeEqual } from 'node:crypto';
import type { PlainHandler, PlainReply, PlainRequest } from '../edge/plain-server.ts';
import { readJsonBody } from './admin-body.ts';
import type { PurgeResult } from './cache-commands.ts';
import type { LimitAnswer, LimitQuestion } from './limits/limit-answers.ts';

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
  /** The state of every upstream that has any, and of its endpoints. */
  upstreams(): object;
  /** What the answers of shadows have shown. */
  mirrors(): object;
  /** False: there is no such mirror that compares. */
  resetMirror(name: string): boolean;
  limits(question: LimitQuestion): Promise<LimitAnswer>;
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
 * - `GET /upstreams`: endpoints and their state, of upstreams that check, discover, retry or share by what all workers know
 * - `GET /mirrors`: by route, how the answers of a shadow differ from the live ones; `DELETE /mirrors?name=…` begins anew, 404 where there is none
 * - `POST /reload` (422 with the problems when the file is bad), `POST /drain`
 * - `POST /purge` with `{"url": …}`, `{"prefix": …}`, `{"tag": …}` or `{"all": true}`, and `"soft": true` to mark stale only: 200 and
 *   `{"purged": n}` when no worker serves any of it any more; 400 when that is not understood, 409 when no route caches
 * - `GET /limits`: what is limited, and how full the tables are; `GET /limits/key?limit=…&route=…&key=…`: what is left of one key, which has a
 *   `key` for each part that the limit counts by; `DELETE` the same: it is as new
 * - `GET /limits/consumer?name=…`: its tier, limits and quotas, `DELETE` resets them all, `PUT` with `{"tier": "paid"}` moves it (`null`: back
 *   to what the configuration says); 404 for what there is not
 *
 * With a token configured all but the two health paths need `Authorization: Bearer TOKEN`; without one, a loopback name as `Host`.
 */
export function adminHandler(port: AdminPort): PlainHandler {
  return (request, reply) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const routes = ROUTES[path];
    const route = routes?.find(({ method }) => method === (request.method === 'HEAD' ? 'GET' : request.method));
    if (route?.takesBody !== true) request.resume();
    if (routes === undefined) return send(reply, 404, { error: 'not found', paths: Object.keys(ROUTES) });
    const isOpen = routes.every((each) => each.isOpen === true);
    if (!isOpen && !isAllowed(request, port.token)) {
      port.onRefused(request.socket.remoteAddress ?? '', path);
      reply.setHeader('www-authenticate', 'Bearer realm="sluice admin"');
      return send(reply, 401, { error: 'a token is needed' });
    }
    if (!isOpen && port.token === undefined && !isAskedByLoopbackName(request)) return send(reply, 403, { error: 'not by this name' });
    if (route !== undefined && hasForeignOrigin(request)) return send(reply, 403, { error: 'not for web pages' });
    if (route !== undefined) return route.answer(port, reply, request);
    const methods = routes.map(({ method }) => method).join(', ');
    reply.setHeader('allow', methods);
    send(reply, 405, { error: `use ${methods}` });
  };
}

type AdminRoute = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Needs no token: load balancers ask it. */
  readonly isOpen?: true;
  readonly takesBody?: true;
  answer(port: AdminPort, reply: PlainReply, request: PlainRequest): void;
};

/** All of one path need a token, or none. */
const ROUTES: Readonly<Record<string, readonly AdminRoute[]>> = {
  '/healthz': [{ method: 'GET', isOpen: true, answer: (_port, reply) => send(reply, 200, { status: 'ok' }) }],
  '/readyz': [{ method: 'GET', isOpen: true, answer: answerReady }],
  '/metrics': [{ method: 'GET', answer: answerMetrics }],
  '/config': [{ method: 'GET', answer: (port, reply) => send(reply, 200, port.config()) }],
  '/cache': [{ method: 'GET', answer: (port, reply) => send(reply, 200, port.cache()) }],
  '/upstreams': [{ method: 'GET', answer: (port, reply) => send(reply, 200, port.upstreams()) }],
  '/mirrors': [
    { method: 'GET', answer: (port, reply) => send(reply, 200, port.mirrors()) },
    { method: 'DELETE', answer: answerResetMirror },
  ],
  '/purge': [{ method: 'POST', takesBody: true, answer: answerPurge }],
  '/limits': [{ method: 'GET', answer: answerLimits({ kind: 'overview' }) }],
  '/limits/key': [
    { method: 'GET', answer: answerLimits({ kind: 'look' }) },
    { method: 'DELETE', answer: answerLimits({ kind: 'reset' }) },
  ],
  '/limits/consumer': [
    { method: 'GET', answer: answerLimits({ kind: 'consumer' }) },
    { method: 'DELETE', answer: answerLimits({ kind: 'reset-consumer' }) },
    { method: 'PUT', takesBody: true, answer: answerMove },
  ],
  '/reload': [{ method: 'POST', answer: answerReload }],
  '/drain': [{ method: 'POST', answer: answerDrain }],
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

function answerResetMirror(port: AdminPort, reply: PlainReply, request: PlainRequest): void {
  const name = queryOf(request).get('name') ?? '';
  if (port.resetMirror(name)) send(reply, 200, { reset: name });
  else send(reply, 404, { problems: [`no route "${name}" compares the answers of a mirror`] });
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

const LIMIT_STATUS = { ok: 200, bad: 400, none: 404, failed: 503 } as const;

function answerLimits(asked: { readonly kind: Exclude<LimitQuestion['kind'], 'move'> }): AdminRoute['answer'] {
  return (port, reply, request) => {
    const question: LimitQuestion = { ...asked, about: queryOf(request) };
    port.limits(question).then((answer) => sendLimitAnswer(reply, answer), failed(reply));
  };
}

function answerMove(port: AdminPort, reply: PlainReply, request: PlainRequest): void {
  readJsonBody(request)
    .then((read): LimitAnswer | Promise<LimitAnswer> =>
      read.kind === 'ok'
        ? port.limits({ kind: 'move', about: queryOf(request), body: read.value })
        : { kind: 'bad', problems: ['the body must be JSON, such as {"tier": "paid"}'] },
    )
    .then((answer) => sendLimitAnswer(reply, answer), failed(reply));
}

function sendLimitAnswer(reply: PlainReply, answer: LimitAnswer): void {
  send(reply, LIMIT_STATUS[answer.kind], answer.kind === 'ok' ? answer.value : { problems: answer.problems });
}

function failed(reply: PlainReply): () => void {
  return () => send(reply, 500, { problems: ['that broke off; see the event log'] });
}

function queryOf(request: PlainRequest): URLSearchParams {
  const [, query = ''] = (request.url ?? '').split('?', 2);
  return new URLSearchParams(query);
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

/** A page in a browser on this host could otherwise send a request to loopback in its user's name. */
function hasForeignOrigin(request: PlainRequest): boolean {
  const { origin, host } = request.headers;
  return request.method !== 'GET' && request.method !== 'HEAD' && origin !== undefined && origin !== `http://${host}`;
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
