import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as securedRequest } from 'node:https';
import { errorCode } from '../network-error.ts';

export const MAX_ANSWER_BYTES = 2 ** 20;
const MAX_HEAD_BYTES = 16_384;
const KEEP_ALIVE_MS = 15_000;

export type HttpQuestion = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates of the server's authority; `''` = the system's. */
  readonly ca: string;
  /** Until the head, and then between two pieces. */
  readonly quietMs: number;
};

export type HttpReply = {
  /** A whole answer. */
  onAnswer(body: string, field: (name: string) => string): void;
  /** No answer, or one with another status than 200: `status` is that, or 0. */
  onFailure(reason: string, status: number): void;
};

/** GET of JSON, of at most 1 MiB. Exactly one of the two is called, unless the returned function is called before. */
export function askOnce(question: HttpQuestion, reply: HttpReply): () => void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return open(question, reply.onFailure, (answer, end) => {
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) return end(() => reply.onFailure('the answer is longer than 1 MiB', 0));
      chunks.push(chunk);
    });
    answer.on('end', () => end(() => reply.onAnswer(Buffer.concat(chunks).toString('utf8'), (name) => fieldOf(answer, name))));
  });
}

export type LinesReply = {
  /** False: no more of it. */
  onLine(line: string): boolean;
  /** The server has ended it, in order. */
  onEnd(): void;
  onFailure(reason: string, status: number): void;
};

/** GET of lines that come as long as they come, each of at most 1 MiB. */
export function askLines(question: HttpQuestion, reply: LinesReply): () => void {
  let rest = '';
  return open(question, reply.onFailure, (answer, end) => {
    answer.setEncoding('utf8');
    answer.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_ANSWER_BYTES) return end(() => reply.onFailure('a line is longer than 1 MiB', 0));
      for (const line of lines) if (line.trim() !== '' && !reply.onLine(line)) return end(() => {});
    });
    answer.on('end', () => end(() => reply.onEnd()));
  });
}

type End = (tell: () => void) => void;

function open(
  { url, headers, ca, quietMs }: HttpQuestion,
  onFailure: HttpReply['onFailure'],
  onAnswer: (answer: IncomingMessage, end: End) => void,
): () => void {
  let isOver = false;
  const end: End = (tell) => {
    if (isOver) return;
    isOver = true;
    asked.destroy();
    tell();
  };
  const options = { agent: false, headers: { ...headers, connection: 'close' }, maxHeaderSize: MAX_HEAD_BYTES, timeout: quietMs };
  const asked: ClientRequest = url.startsWith('https:')
    ? securedRequest(url, { ...options, ...(ca === '' ? {} : { ca }) })
    : plainRequest(url, options);
  asked.on('error', (error) => end(() => onFailure(errorCode(error), 0)));
  // A server that has vanished would be missed at the end of the wait only.
  asked.setSocketKeepAlive(true, KEEP_ALIVE_MS);
  asked.on('timeout', () => end(() => onFailure('timeout', 0)));
  asked.on('response', (answer) => {
    const status = answer.statusCode ?? 0;
    answer.on('error', (error) => end(() => onFailure(errorCode(error), 0)));
    answer.on('close', () => end(() => onFailure('the connection was closed', 0)));
    if (status !== 200) end(() => onFailure(`status ${status}`, status));
    else onAnswer(answer, end);
  });
  asked.end();
  return () => end(() => {});
}

function fieldOf(answer: IncomingMessage, name: string): string {
  const value = answer.headers[name];
  return Array.isArray(value) ? (value[0] ?? '') : (value ?? '');
}

/** Undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
