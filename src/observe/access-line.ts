import type { AccessRecord } from './access-record.ts';
import { MAX_ESCAPED_BYTES, MAX_NUMBER_BYTES, writeAscii, writeEscaped, writeInteger, writeMillis } from './json-line.ts';

/** Characters of a text that are logged; the rest is left out. A target is long, everything else is short or hostile. */
const MAX_TARGET_CHARS = 8192;
const MAX_REFERER_CHARS = 2048;
const MAX_USER_AGENT_CHARS = 1024;
const MAX_NAME_CHARS = 256;

/** The keys and punctuation of a line, its time, and its eleven numbers. */
const FIXED_BYTES = 512 + 11 * MAX_NUMBER_BYTES;
const NAMES = 11;
/** No line is longer, whatever a client sends. */
export const MAX_LINE_BYTES =
  FIXED_BYTES + MAX_ESCAPED_BYTES * (MAX_TARGET_CHARS + MAX_REFERER_CHARS + MAX_USER_AGENT_CHARS + NAMES * MAX_NAME_CHARS);

/** How many bytes the line of a record takes at most. */
export function boundLine(record: AccessRecord): number {
  const chars =
    record.requestId.length +
    record.listener.length +
    record.route.length +
    record.upstream.length +
    record.endpoint.length +
    record.method.length +
    record.target.length +
    record.host.length +
    record.protocol.length +
    record.clientAddress.length +
    record.peerAddress.length +
    record.userAgent.length +
    record.referer.length +
    record.proxyError.length;
  const bound = FIXED_BYTES + MAX_ESCAPED_BYTES * chars;
  return bound < MAX_LINE_BYTES ? bound : MAX_LINE_BYTES;
}

/**
 * Writes lines. Holds nothing but the text of the current second, since every line begins with its time.
 */
export class AccessLineWriter {
  #second = -1;
  #secondText = '';

  /** Writes one line with its line feed at `start`, where `boundLine` bytes are free; returns the place after it. */
  write(bytes: Uint8Array, start: number, record: AccessRecord): number {
    let at = this.#writeTime(bytes, start, record.timeMs);
    at = writeText(bytes, at, ',"requestId":"', record.requestId);
    at = writeText(bytes, at, ',"listener":"', record.listener);
    at = writeText(bytes, at, ',"client":"', record.clientAddress);
    at = writeText(bytes, at, ',"peer":"', record.peerAddress);
    at = writeText(bytes, at, ',"method":"', record.method);
    at = writeText(bytes, at, ',"host":"', record.host);
    at = writeLongText(bytes, at, ',"target":"', record.target, MAX_TARGET_CHARS);
    at = writeText(bytes, at, ',"protocol":"', record.protocol);
    at = writeText(bytes, at, ',"route":"', record.route);
    at = writeText(bytes, at, ',"upstream":"', record.upstream);
    at = writeText(bytes, at, ',"endpoint":"', record.endpoint);
    at = writeCount(bytes, at, ',"status":', record.status);
    at = writeText(bytes, at, ',"outcome":"', record.outcome);
    at = writeText(bytes, at, ',"proxyError":"', record.proxyError);
    at = writeCount(bytes, at, ',"bytesReceived":', record.bytesReceived);
    at = writeCount(bytes, at, ',"bytesSent":', record.bytesSent);
    at = writeCount(bytes, at, ',"retries":', record.retries);
    at = writePhase(bytes, at, ',"queueMs":', record.queueMs);
    at = writePhase(bytes, at, ',"routeMs":', record.routeMs);
    at = writePhase(bytes, at, ',"connectMs":', record.connectMs);
    at = writePhase(bytes, at, ',"responseMs":', record.responseMs);
    at = writePhase(bytes, at, ',"bodyMs":', record.bodyMs);
    at = writePhase(bytes, at, ',"totalMs":', record.totalMs);
    at = writeLongText(bytes, at, ',"userAgent":"', record.userAgent, MAX_USER_AGENT_CHARS);
    at = writeLongText(bytes, at, ',"referer":"', record.referer, MAX_REFERER_CHARS);
    return writeAscii(bytes, at, '}\n');
  }

  /** `{"time":"2026-01-31T12:00:00.123Z"` */
  #writeTime(bytes: Uint8Array, start: number, timeMs: number): number {
    const second = Math.floor(timeMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = `{"time":"${new Date(second * 1000).toISOString().slice(0, 19)}.`;
    }
    const millis = Math.floor(timeMs) - second * 1000;
    const at = writeAscii(bytes, start, this.#secondText);
    bytes[at] = ZERO + Math.floor(millis / 100);
    bytes[at + 1] = ZERO + (Math.floor(millis / 10) % 10);
    bytes[at + 2] = ZERO + (millis % 10);
    return writeAscii(bytes, at + 3, 'Z"');
  }
}

const ZERO = 0x30;
const QUOTE = 0x22;

function writeText(bytes: Uint8Array, at: number, key: string, text: string): number {
  return writeLongText(bytes, at, key, text, MAX_NAME_CHARS);
}

function writeLongText(bytes: Uint8Array, start: number, key: string, text: string, maxChars: number): number {
  if (text === '') return start;
  const at = writeEscaped(bytes, writeAscii(bytes, start, key), text, maxChars);
  bytes[at] = QUOTE;
  return at + 1;
}

function writeCount(bytes: Uint8Array, at: number, key: string, value: number): number {
  return writeInteger(bytes, writeAscii(bytes, at, key), value);
}

function writePhase(bytes: Uint8Array, at: number, key: string, ms: number): number {
  return ms < 0 ? at : writeMillis(bytes, writeAscii(bytes, at, key), ms);
}
