import type { Lender } from '../base/direct-writer.ts';
import type { Loan } from '../upstream/sink.ts';

/** A piece of a body up to this is copied, put together with what leaves beside it. */
export const COPIED_BYTES = 16 * 1024;
/** The same for what is lent: it lies still, so from here on a copy costs more than a second piece in one system call. Never kept up to this. */
export const LENT_BYTES = 4 * 1024;

/** How an answer's body is delimited: `length` >= 0; `unknown` = chunked for HTTP/1.1, until close for HTTP/1.0; `none` = no body at all (HEAD, 204, 304). */
export type AnswerFraming = { readonly kind: 'none' } | { readonly kind: 'length'; readonly bytes: number } | { readonly kind: 'unknown' };

/**
 * The client's side of one exchange, implemented by each engine in `edge/`. All calls are synchronous. After `finish` or
 * `cut`, or after the edge told the exchange that the client is gone, nothing may be called any more.
 */
export interface ClientPort {
  /** Peer address as text (IPv4, or IPv6 without brackets). */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Port of the listener as the client sees it. */
  readonly localPort: number;
  /** Whether interim answers (1xx) can be sent to this client: not by every engine, and never to HTTP/1.0. */
  readonly canInform: boolean;
  /**
   * Sends status line and fields. `status` is `200 OK` (code, space, reason); `block` is whole field lines, each with CRLF,
   * without framing and connection fields: the engine adds those. `contentLengthWhenNone`: for HEAD and 304, the length to
   * tell, -1 = do not tell.
   */
  writeHead(status: string, block: string, framing: AnswerFraming, contentLengthWhenNone: number): void;
  /** Body bytes, lent. */
  writeBody(bytes: Buffer): Loan;
  /** The same for a short latin1 text. */
  writeBodyText(text: string): void;
  /** The same for bytes that must stay as they are until they are written: where it says `kept`, `lender` is told when they are. */
  lendBody(bytes: Buffer, lender: Lender): Loan;
  /** True when the client does not read as fast as we write; `exchange.onClientDrain` follows. */
  readonly isFull: boolean;
  /** Nothing more is at hand: what an engine has put together so far should leave now. Not needed before `finish`. */
  writeOut(): void;
  /** The answer is whole. */
  finish(): void;
  /** The answer cannot be completed: cuts the connection, so that it is never taken as complete. */
  cut(): void;
  /** An interim answer, e.g. `100 Continue` or `103 Early Hints`. Called only where `canInform`. */
  writeInformational(status: string, block: string): void;
  /** Back-pressure on the request body. */
  pauseBody(): void;
  resumeBody(): void;
  /** The answer is the last one on this connection. */
  closeAfter(): void;
}
