/**
 * The origin of the herds, a process of its own: it takes its time, counts what it is asked, and says in the path what will be answered.
 * No answer has a `Date`, so that `max-age=1` is a second from when it came and not from the last full one.
 */
import { createServer, type Socket } from 'node:net';

const SLOW_MS = 200;
const SECOND_MS = 50;
const TRICKLE_LINES = 100;
const TRICKLE_MS = 20;
const LINE_BYTES = 100;
const BIG_BYTES = 100 * 2 ** 20;
/** Two requests for a key that are nearer to each other belong to one expiry: objects live for a second, and everybody may be a little late. */
const MIN_LIFE_MS = 900;

const BIG_RUN = Buffer.alloc(2 ** 18, 'a');
const LINE = `${'0'.repeat(LINE_BYTES - 1)}\n`;

type Asked = { requests: number; expiries: number; lastExpiryMs: number };
let asked = new Map<string, Asked>();

function count(path: string): void {
  const nowMs = performance.now();
  const known = asked.get(path) ?? { requests: 0, expiries: 0, lastExpiryMs: -Infinity };
  asked.set(path, known);
  known.requests += 1;
  if (nowMs - known.lastExpiryMs < MIN_LIFE_MS) return;
  known.expiries += 1;
  known.lastExpiryMs = nowMs;
}

/** What was asked since the last report. */
function report(): string {
  const all = [...asked.values()];
  asked = new Map();
  const sum = (pick: (one: Asked) => number): number => all.reduce((total, one) => total + pick(one), 0);
  return JSON.stringify({ keys: all.length, requests: sum((one) => one.requests), expiries: sum((one) => one.expiries) });
}

function headOf(bodyBytes: number, cacheControl: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: ${cacheControl}\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
}

function whole(bodyBytes: number, cacheControl: string): string {
  return headOf(bodyBytes, cacheControl) + 'a'.repeat(bodyBytes);
}

function trickle(socket: Socket): void {
  let line = 0;
  socket.write(headOf(TRICKLE_LINES * LINE_BYTES, 'max-age=60'));
  const timer = setInterval(() => {
    socket.write(LINE);
    line += 1;
    if (line === TRICKLE_LINES || socket.destroyed) clearInterval(timer);
  }, TRICKLE_MS);
}

function sendBig(socket: Socket): void {
  let left = BIG_BYTES;
  const send = (): void => {
    while (left > 0 && !socket.destroyed) {
      left -= BIG_RUN.length;
      if (socket.write(BIG_RUN)) continue;
      socket.once('drain', send);
      return;
    }
  };
  socket.write(headOf(BIG_BYTES, 'max-age=3600'));
  send();
}

function answer(socket: Socket, path: string): void {
  if (path === '/report') {
    const text = report();
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    return;
  }
  const later = (ms: number, text: string): NodeJS.Timeout => setTimeout(() => socket.write(text), ms);
  const kind = path.split('/')[2];
  if (kind !== 'warm') count(path);
  switch (kind) {
    case 'slow':
      later(SLOW_MS, whole(10_000, 'max-age=60'));
      break;
    case 'private':
      later(SLOW_MS, whole(10_000, 'private'));
      break;
    case 'second':
      later(SECOND_MS, whole(1000, 'max-age=1'));
      break;
    case 'second-stale':
      later(SECOND_MS, whole(1000, 'max-age=1, stale-while-revalidate=10'));
      break;
    case 'trickle':
      setTimeout(trickle, SLOW_MS, socket);
      break;
    case 'big':
      sendBig(socket);
      break;
    default:
      socket.write(whole(100, 'max-age=3600'));
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  let seen = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1');
    for (let end = seen.indexOf('\r\n\r\n'); end !== -1; end = seen.indexOf('\r\n\r\n')) {
      const path = seen.split(' ', 2)[1] ?? '/';
      seen = seen.slice(end + 4);
      answer(socket, path);
    }
  });
});
server.listen({ port: Number(process.env['HERD_ORIGIN_PORT'] ?? 0), host: '127.0.0.1', backlog: 4096 });
