import type { UpstreamFailure } from '../upstream/failure.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { RequestHead } from '../http/request-head.ts';

/**
 * What stands between one exchange and its upstream's answer: a cache that keeps it, or something that has to see it before the
 * client does. Made for the requests that need it; a plain relay has none.
 */
export interface AnswerRun {
  /** The head for the upstream, from the one that the route makes. */
  adaptHead(built: string): string;
  /** The final head. True: it is not for the client, and neither is the body. */
  takeHead(head: ResponseHead, bodyLength: number): boolean;
  /** Field lines that the client gets beside the upstream's. */
  addedLines(): string;
  /** Body bytes. True: they are not for the client. */
  takeBody(bytes: Buffer): boolean;
  /** The answer is whole. True: the exchange goes on. */
  takeEnd(): boolean;
  /** The last attempt has failed, and nothing has gone to the client. True: it has an answer, or will have one. */
  takeFailure(failure: UpstreamFailure): boolean;
  /** The answer has broken off after its head. True: its rest will come. */
  takeBreak(): boolean;
  /** The client does not read as fast as the upstream sends. True: that does not matter. */
  takeFull(): boolean;
  /** Whether no upstream must see the request twice, whatever its method. */
  readonly isOnce: boolean;
  /** Whether it goes on when its client has left. */
  readonly isWorthFinishing: boolean;
  /** It goes on however slowly the answer comes: somebody beside the client reads it, or it was promised to be brought to its end. */
  readonly isAwaited: boolean;
  /** Body bytes of the answer that are kept so far. */
  readonly bytesKept: number;
  /** The client has left, or has its answer, and this goes on; `head` is a copy that stays. */
  takeLeave(head: RequestHead): void;
  /** The exchange ends, however it does. */
  close(): void;
}
