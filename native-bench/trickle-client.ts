import type { Socket } from 'node:net';
import { requestBytes } from './herd-clients.ts';

const HEAD_END = '\r\n\r\n';
/** What the origin of the herds sends at a time, and how often: herd-origin.ts. */
const LINE_BYTES = 100;
const LINES = 100;

/** One client of an answer that trickles: when it had each line, ms. */
export class TrickleClient {
  readonly linesMs: number[] = [];
  readonly done: Promise<void>;
  readonly #socket: Socket;
  #head = '';
  #bodyBytes = -1;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.done = new Promise((resolve, reject) => {
      socket.on('data', (chunk: Buffer) => {
        this.#onData(chunk);
        if (this.linesMs.length === LINES) resolve();
      });
      socket.on('close', () => reject(new Error(`a client was cut after ${this.linesMs.length} lines`)));
    });
    // Whoever asks for it later gets it; nobody does when another client has failed first.
    this.done.catch(() => {});
  }

  ask(path: string): void {
    this.#socket.write(requestBytes(path));
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    const nowMs = performance.now();
    if (this.#bodyBytes === -1) {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf(HEAD_END);
      if (end === -1) return;
      this.#bodyBytes = this.#head.length - end - HEAD_END.length;
    } else this.#bodyBytes += chunk.length;
    while (this.linesMs.length < Math.floor(this.#bodyBytes / LINE_BYTES)) this.linesMs.push(nowMs);
  }
}
