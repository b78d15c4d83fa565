import { connect, type Socket } from 'node:net';

export type LoadMode = 'keep-alive' | 'one-request';

export type LoadCount = {
  readonly answered: number;
  readonly failed: number;
  /** How often each way to fail was seen. */
  readonly failures: Readonly<Record<string, number>>;
};

const ANSWER_TIMEOUT_MS = 10_000;
/** A refused connection is tried again, but not in a spin. */
const RETRY_MS = 2;

/**
 * A closed loop that calls nothing a success but a whole 200 answer. A request that was written on a connection which the proxy
 * had announced as kept alive, and that got no answer, is a failure: a client cannot know whether to send it again.
 */
export class SteadyLoad {
  readonly port: number;
  readonly mode: LoadMode;
  readonly request: string;
  readonly failures = new Map<string, number>();
  answered = 0;
  failed = 0;
  /** Highest `x-generation` seen in an answer: which configuration is in force. */
  generation = 0;
  isStopping = false;
  readonly clients: Client[] = [];

  constructor(port: number, mode: LoadMode, connections: number) {
    this.port = port;
    this.mode = mode;
    const close = mode === 'one-request' ? 'Connection: close\r\n' : '';
    this.request = `GET / HTTP/1.1\r\nHost: bench.example\r\n${close}\r\n`;
    for (let i = 0; i < connections; i += 1) this.clients.push(new Client(this));
  }

  fail(why: string): void {
    this.failed += 1;
    this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
  }

  /** Lets what is in flight finish, then counts. */
  async stop(): Promise<LoadCount> {
    this.isStopping = true;
    await Promise.all(this.clients.map((client) => client.ended));
    return { answered: this.answered, failed: this.failed, failures: Object.fromEntries(this.failures) };
  }
}

class Client {
  readonly load: SteadyLoad;
  readonly ended: Promise<void>;
  readonly resolveEnded: () => void;
  socket: Socket | undefined;
  text = '';
  isWaiting = false;
  hasConnected = false;
  timer: NodeJS.Timeout | undefined;

  constructor(load: SteadyLoad) {
    this.load = load;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.resolveEnded = resolve;
    this.open();
  }

  open(): void {
    if (this.load.isStopping) {
      this.resolveEnded();
      return;
    }
    this.hasConnected = false;
    const socket = connect({ host: '127.0.0.1', port: this.load.port, noDelay: true });
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      this.hasConnected = true;
    });
    socket.on('data', (chunk) => this.onText(String(chunk)));
    socket.on('error', (error) => this.onGone(socket, `${this.hasConnected ? 'connection' : 'connect'}: ${codeOf(error)}`));
    socket.on('close', () => this.onGone(socket, 'closed'));
    this.send(socket);
  }

  send(socket: Socket): void {
    this.text = '';
    this.isWaiting = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onGone(socket, 'no answer in time'), ANSWER_TIMEOUT_MS);
    socket.write(this.load.request);
  }

  onText(chunk: string): void {
    this.text += chunk;
    const end = this.text.indexOf('\r\n\r\n');
    if (end === -1 || !this.isWaiting) return;
    const head = this.text.slice(0, end).toLowerCase();
    const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
    if (this.text.length < end + 4 + length) return;
    this.onAnswer(head);
  }

  onAnswer(head: string): void {
    this.isWaiting = false;
    clearTimeout(this.timer);
    if (head.startsWith('http/1.1 200')) this.load.answered += 1;
    else this.load.fail(head.slice(0, 12));
    this.load.generation = Math.max(this.load.generation, Number(/\r\nx-generation: *(\d+)/.exec(head)?.[1] ?? 0));
    // Whoever announces the close leaves it to the proxy, so that the waiting state of TCP is not ours and ports do not run out.
    if (/\r\nconnection:[^\r]*close/.test(head) || this.load.mode === 'one-request') return;
    if (this.load.isStopping) this.socket?.destroy();
    else if (this.socket !== undefined) this.send(this.socket);
  }

  onGone(socket: Socket, why: string): void {
    if (socket !== this.socket) return;
    this.socket = undefined;
    clearTimeout(this.timer);
    socket.destroy();
    const hasFailed = this.isWaiting;
    if (hasFailed) this.load.fail(this.text === '' ? `${why}, nothing received` : `${why}, answer cut`);
    this.isWaiting = false;
    if (hasFailed) setTimeout(() => this.open(), RETRY_MS);
    else this.open();
  }
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message;
}
