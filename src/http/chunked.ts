import { CHAR_CLASS, isBlank, TCHAR, VALUE_CHAR } from './tokens.ts';

/** What the last call of `next` came upon. After `end` and `fault` the decoder must be reset before it is used again. */
export type ChunkedStatus = 'more' | 'data' | 'end' | 'fault';

/**
 * Extension bytes of a body beyond the data bytes that came with them. Extensions are thrown away, so without this bound a
 * sender could make us read for ever without getting anywhere.
 */
export const MAX_CHUNK_EXTENSION_BYTES = 4096;
/** The trailer section as a whole. It is checked and thrown away. */
export const MAX_TRAILER_BYTES = 16_384;
/** Leading zeros are part of the grammar; sizes are bounded by their value. */
const MAX_SIZE_DIGITS = 128;

const CR = 13;
const LF = 10;
const COLON = 58;
const SEMICOLON = 59;

// Where the decoder stands between two bytes. Plain numbers: the switch over them runs once per byte of framing.
const SIZE_FIRST = 0;
const SIZE = 1;
const BLANK_BEFORE_EXTENSION = 2;
const EXTENSION = 3;
const SIZE_LF = 4;
const DATA = 5;
const DATA_CR = 6;
const DATA_LF = 7;
const TRAILER_LINE = 8;
const TRAILER_NAME = 9;
const TRAILER_VALUE = 10;
const TRAILER_LF = 11;
const LAST_LF = 12;
const DONE = 13;
const FAULT = 14;

/**
 * Takes the chunked coding (RFC 9112 7.1) off a stream of bytes, strictly: CRLF only, at least one and at most 128 hex
 * digits, sizes up to 2^53 - 1. Nothing is copied: `next` tells the range of data in the caller's buffer. Works from any split.
 */
export class ChunkedDecoder {
  status: ChunkedStatus = 'more';
  /** With status `data`: where the data stands in the buffer that was given. */
  dataStart = 0;
  dataEnd = 0;
  #state = SIZE_FIRST;
  #size = 0;
  #digits = 0;
  #extensionExcess = 0;
  #trailerBytes = 0;

  reset(): void {
    this.status = 'more';
    this.#state = SIZE_FIRST;
    this.#size = 0;
    this.#digits = 0;
    this.#extensionExcess = 0;
    this.#trailerBytes = 0;
  }

  /**
   * Reads `buffer` from `start` on, up to the next range of data, the end of the body, a fault or `end`. Sets `status` and
   * returns the index of the first byte that was not used; after `end` the bytes from there on are not of this body.
   */
  next(buffer: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (this.#state === DATA) return this.#takeData(at, end);
      this.#state = this.#step(buffer[at] ?? 0);
      at++;
      if (this.#state === DONE) return this.#stop('end', at);
      if (this.#state === FAULT) return this.#stop('fault', at);
    }
    return this.#stop('more', at);
  }

  #stop(status: ChunkedStatus, at: number): number {
    this.status = status;
    return at;
  }

  #takeData(start: number, end: number): number {
    const length = Math.min(this.#size, end - start);
    this.#size -= length;
    if (this.#size === 0) this.#state = DATA_CR;
    this.#extensionExcess = Math.max(0, this.#extensionExcess - length);
    this.dataStart = start;
    this.dataEnd = start + length;
    return this.#stop('data', start + length);
  }

  /** The state after one byte of framing. */
  #step(byte: number): number {
    switch (this.#state) {
      case SIZE_FIRST:
      case SIZE:
        return this.#stepSize(byte);
      case BLANK_BEFORE_EXTENSION:
      case EXTENSION:
        return this.#stepExtension(byte);
      case SIZE_LF:
        if (byte !== LF) return FAULT;
        return this.#size === 0 ? TRAILER_LINE : DATA;
      case DATA_CR:
        return byte === CR ? DATA_LF : FAULT;
      case DATA_LF:
        this.#digits = 0;
        return byte === LF ? SIZE_FIRST : FAULT;
      case LAST_LF:
        return byte === LF ? DONE : FAULT;
      default:
        return this.#stepTrailer(byte);
    }
  }

  #stepSize(byte: number): number {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#size = this.#size * 16 + digit;
      this.#digits++;
      return this.#digits > MAX_SIZE_DIGITS || this.#size > Number.MAX_SAFE_INTEGER ? FAULT : SIZE;
    }
    if (this.#state === SIZE_FIRST) return FAULT;
    if (byte === CR) return SIZE_LF;
    if (byte === SEMICOLON) return EXTENSION;
    return isBlank(byte) ? BLANK_BEFORE_EXTENSION : FAULT;
  }

  /** The shape of extensions is not checked, since nothing is done with them; only that no reader could see a line end in one. */
  #stepExtension(byte: number): number {
    if (++this.#extensionExcess > MAX_CHUNK_EXTENSION_BYTES) return FAULT;
    if (this.#state === BLANK_BEFORE_EXTENSION) {
      if (byte === SEMICOLON) return EXTENSION;
      return isBlank(byte) ? BLANK_BEFORE_EXTENSION : FAULT;
    }
    if (byte === CR) return SIZE_LF;
    return isOfClass(byte, VALUE_CHAR) ? EXTENSION : FAULT;
  }

  #stepTrailer(byte: number): number {
    if (++this.#trailerBytes > MAX_TRAILER_BYTES) return FAULT;
    switch (this.#state) {
      case TRAILER_LINE:
        if (byte === CR) return LAST_LF;
        return isOfClass(byte, TCHAR) ? TRAILER_NAME : FAULT;
      case TRAILER_NAME:
        if (byte === COLON) return TRAILER_VALUE;
        return isOfClass(byte, TCHAR) ? TRAILER_NAME : FAULT;
      case TRAILER_VALUE:
        if (byte === CR) return TRAILER_LF;
        return isOfClass(byte, VALUE_CHAR) ? TRAILER_VALUE : FAULT;
      case TRAILER_LF:
        return byte === LF ? TRAILER_LINE : FAULT;
      default:
        return FAULT;
    }
  }
}

function isOfClass(byte: number, bit: number): boolean {
  return ((CHAR_CLASS[byte] ?? 0) & bit) !== 0;
}

/** The value of a hex digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
