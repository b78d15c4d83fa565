/**
 * The only file that names `uWebSockets.js`, so that another build of it can be put in its place. The package's own types lack
 * what sharing between threads needs (`getDescriptor` and its kin); these are the parts that Sluice uses, as they behave on
 * the pinned build. Where that differs from what one would expect, `uws-answer.ts` and `uws-client.ts` say so.
 */

type Bytes = string | Uint8Array;

/** Lent for the call of a request handler. Strings are decoded from UTF-8. */
export interface UwsRequest {
  getCaseSensitiveMethod(): string;
  /** Path as received. */
  getUrl(): string;
  /** What is after `?`; `undefined` if there is none. */
  getQuery(): string | undefined;
  /** First value of a field. */
  getHeader(lowerName: string): string;
  /** Each line, repeated ones too, names in lower case; stops at an empty name. */
  forEach(each: (name: string, value: string) => void): void;
}

/** May be used until the answer has ended or `onAborted` was called; after that every call throws. */
export interface UwsResponse {
  writeStatus(status: Bytes): void;
  writeHeader(name: Bytes, value: Bytes): void;
  /** Chunked. False: not all of it could be sent, the rest is buffered. An empty one does nothing. */
  write(chunk: Bytes): boolean;
  /** `isLast`: tells `Connection: close` (unless the client did) and closes. Only where the head is not out yet. */
  end(body?: Bytes, isLast?: boolean): void;
  /** Writes no Content-Length. */
  endWithoutBody(): void;
  /** Nothing that could not be sent is kept: go on from `getWriteOffset`. */
  tryEnd(piece: Uint8Array, totalBytes: number): [isAllSent: boolean, isEnded: boolean];
  getWriteOffset(): number;
  onWritable(handler: (offset: number) => boolean): void;
  onAborted(handler: () => void): void;
  onData(handler: (bytes: ArrayBuffer, isLast: boolean) => void): void;
  pause(): void;
  resume(): void;
  cork(write: () => void): void;
  /** Calls `onAborted`. */
  close(): void;
  /** 4 or 16 bytes. */
  getRemoteAddress(): ArrayBuffer;
}

export type UwsListenSocket = { readonly __brand: 'listen socket' };
/** Address of an app in this process, as a number. */
export type UwsDescriptor = number;

export interface UwsApp {
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): void;
  /** Called with 1 for each connection that opens and -1 for each that closes. */
  filter(handler: (response: UwsResponse, step: number) => void): void;
  listen(host: string, port: number, onListen: (socket: UwsListenSocket | false) => void): void;
  listen(host: string, port: number, options: number, onListen: (socket: UwsListenSocket | false) => void): void;
  close(): void;
  getDescriptor(): UwsDescriptor;
  addChildAppDescriptor(descriptor: UwsDescriptor): void;
  removeChildAppDescriptor(descriptor: UwsDescriptor): void;
}

export interface UwsAddon {
  App(): UwsApp;
  us_listen_socket_close(socket: UwsListenSocket): void;
  us_socket_local_port(socket: UwsListenSocket): number;
  _cfg(key: string): void;
}

/**
 * The switch by which the addon leaves out its `uWebSockets: 20` field; it is not documented and takes no other word. It
 * holds for the loop, so each thread sets it. (`Date` cannot be switched off.)
 */
const SILENT = '999999990007';
/** Read by the addon when it is loaded first in the process. */
const MAX_HEAD_VARIABLE = 'UWS_HTTP_MAX_HEADERS_SIZE';
const MAX_HEAD_BYTES = 64 * 1024;
const REMEDY = 'use `engine: node` for this listener, a host with glibc 2.27 or newer, or another build of the package (see the README)';

/** Loads the addon, which is too large to load where no listener uses it. Rejects with the remedy where it cannot be loaded. */
export async function loadUws(): Promise<UwsAddon> {
  // A worker's `process.env` is a copy that the addon does not see: there `runtime` has set it before.
  process.env[MAX_HEAD_VARIABLE] ??= String(MAX_HEAD_BYTES);
  let loaded: unknown;
  try {
    loaded = await import('uWebSockets.js');
  } catch (cause) {
    throw new Error(`uWebSockets.js cannot be loaded here: ${REMEDY}`, { cause });
  }
  if (!isAddon(loaded)) throw new Error(`this build of uWebSockets.js lacks what Sluice needs: ${REMEDY}`);
  loaded._cfg(SILENT);
  return loaded;
}

function isAddon(loaded: unknown): loaded is UwsAddon {
  if (typeof loaded !== 'object' || loaded === null) return false;
  return ['App', 'us_listen_socket_close', 'us_socket_local_port', '_cfg'].every((name) => typeof Reflect.get(loaded, name) === 'function');
}
