import { openPlainServer, type PlainReply, type PlainRequest, type PlainServer } from '../edge/plain-server.ts';

/**
 * The small service behind the built-in example: what a person tries first on a proxy.
 *
 * - `GET /` and `/api/time`, `/api/users`, `/api/users/N`: JSON
 * - `GET /headers`: the request as it arrived, so that one sees what the proxy made of it
 * - `GET /events`: server-sent events, one a second
 * - `GET /download?bytes=N`: N bytes (default 100 MB), with single ranges
 * - `POST /echo`: the body comes back as it goes up; `POST /upload`: counts it
 * - `GET /slow?ms=N`: answers after N ms (default 2000, at most 60 000)
 * - `/status/N`: answers with that status
 *
 * By `/metered/…` the proxy has the same, with limits: see `demo-config.ts`.
 */
export function openDemoOrigin(port: number): Promise<PlainServer> {
  return openPlainServer({ host: '127.0.0.1', port }, { sharesPort: false, maxConnections: 10_000 }, answer);
}

const ENDPOINTS = [
  '/api/time',
  '/api/users',
  '/api/users/1',
  '/headers',
  '/events',
  '/download?bytes=100000000',
  '/slow?ms=2000',
  '/status/503',
];
const USERS = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald'].map((name, at) => ({ id: at + 1, name }));
const DEFAULT_DOWNLOAD_BYTES = 100_000_000;
const MAX_DOWNLOAD_BYTES = 1e12;
const DEFAULT_SLOW_MS = 2_000;
const MAX_SLOW_MS = 60_000;
const EVENT_EVERY_MS = 1_000;
const BLOCK = Buffer.alloc(64 * 1024, 'Sluice passes this on without keeping it. ');

function answer(request: PlainRequest, reply: PlainReply): void {
  const url = new URL(request.url ?? '/', 'http://demo');
  const [, first = '', second = ''] = url.pathname.split('/');
  if (first === 'echo') {
    echo(request, reply);
    return;
  }
  if (first === 'upload') {
    countUpload(request, reply);
    return;
  }
  request.resume();
  switch (first) {
    case '':
      json(reply, 200, { service: 'demo origin of Sluice', try: ENDPOINTS, post: ['/echo', '/upload'] });
      return;
    case 'api':
      api(url.pathname, reply);
      return;
    case 'headers':
      json(reply, 200, { method: request.method, target: request.url, headers: pairs(request.rawHeaders) });
      return;
    case 'events':
      streamEvents(reply);
      return;
    case 'download':
      download(request, reply, clamp(url.searchParams.get('bytes'), DEFAULT_DOWNLOAD_BYTES, MAX_DOWNLOAD_BYTES));
      return;
    case 'slow':
      answerLate(reply, clamp(url.searchParams.get('ms'), DEFAULT_SLOW_MS, MAX_SLOW_MS));
      return;
    case 'status':
      answerStatus(reply, second);
      return;
    default:
      json(reply, 404, { error: 'no such endpoint', try: ENDPOINTS });
      return;
  }
}

function api(path: string, reply: PlainReply): void {
  if (path === '/api/time') {
    json(reply, 200, { now: new Date().toISOString() });
    return;
  }
  if (path === '/api/users') {
    json(reply, 200, USERS);
    return;
  }
  const user = USERS.find(({ id }) => path === `/api/users/${id}`);
  if (user === undefined) json(reply, 404, { error: 'no such user' });
  else json(reply, 200, user);
}

function echo(request: PlainRequest, reply: PlainReply): void {
  reply.setHeader('content-type', request.headers['content-type'] ?? 'application/octet-stream');
  request.pipe(reply);
  request.on('error', () => reply.destroy());
}

function countUpload(request: PlainRequest, reply: PlainReply): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () => json(reply, 200, { receivedBytes: bytes }));
  request.on('error', () => reply.destroy());
}

function streamEvents(reply: PlainReply): void {
  let count = 0;
  reply.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (): void => {
    count++;
    reply.write(`id: ${count}\ndata: ${JSON.stringify({ count, now: new Date().toISOString() })}\n\n`);
  };
  send();
  const timer = setInterval(send, EVENT_EVERY_MS);
  reply.on('close', () => clearInterval(timer));
}

function answerLate(reply: PlainReply, ms: number): void {
  const timer = setTimeout(() => json(reply, 200, { waitedMs: ms }), ms);
  reply.on('close', () => clearTimeout(timer));
}

function download(request: PlainRequest, reply: PlainReply, totalBytes: number): void {
  const range = parseRange(request.headers.range, totalBytes);
  if (range === 'unsatisfiable') {
    reply.writeHead(416, { 'content-range': `bytes */${totalBytes}` });
    reply.end();
    return;
  }
  const { first, last } = range ?? { first: 0, last: totalBytes - 1 };
  reply.writeHead(range === undefined ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': last - first + 1,
    'accept-ranges': 'bytes',
    ...(range === undefined ? {} : { 'content-range': `bytes ${first}-${last}/${totalBytes}` }),
  });
  if (request.method === 'HEAD') reply.end();
  else sendBytes(reply, first, last + 1);
}

/** Byte n of the download is byte n mod the block's length of the block, so ranges fit together. */
function sendBytes(reply: PlainReply, from: number, end: number): void {
  let at = from;
  const pump = (): void => {
    while (at < end) {
      const start = at % BLOCK.length;
      const piece = BLOCK.subarray(start, Math.min(BLOCK.length, start + end - at));
      at += piece.length;
      if (!reply.write(piece)) return;
    }
    reply.off('drain', pump);
    reply.end();
  };
  reply.on('drain', pump);
  pump();
}

/** One range of RFC 9110 14.1.2; anything else is answered whole. */
function parseRange(text: string | undefined, totalBytes: number): { first: number; last: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '') {
    if (to === '') return undefined;
    return Number(to) === 0 ? 'unsatisfiable' : { first: Math.max(0, totalBytes - Number(to)), last: totalBytes - 1 };
  }
  const first = Number(from);
  const last = to === '' ? totalBytes - 1 : Math.min(Number(to), totalBytes - 1);
  if (to !== '' && Number(to) < first) return undefined;
  return first >= totalBytes ? 'unsatisfiable' : { first, last };
}

function json(reply: PlainReply, status: number, body: unknown): void {
  const text = `${JSON.stringify(body, undefined, 2)}\n`;
  reply.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  reply.end(text);
}

function pairs(raw: readonly string[]): string[] {
  const lines: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) lines.push(`${raw[at]}: ${raw[at + 1]}`);
  return lines;
}

function answerStatus(reply: PlainReply, text: string): void {
  if (text !== '204' && text !== '304') {
    json(reply, /^[2-5]\d\d$/.test(text) ? Number(text) : 400, { status: text });
    return;
  }
  reply.writeHead(Number(text));
  reply.end();
}

function clamp(text: string | null, fallback: number, max: number): number {
  const wanted = text === null || !/^\d{1,15}$/.test(text) ? fallback : Number(text);
  return Math.min(wanted, max);
}
