import type { UwsRequest } from './uws-addon.ts';

const DATE_LINE = /(?:^|\r\n)date:[^\r\n]*/i;
/** Texts of addresses kept; all are dropped when it is full. */
const MAX_ADDRESSES = 4096;

let lines = '';
const addLine = (name: string, value: string): void => {
  lines += `${name}: ${value}\r\n`;
};

/**
 * The head that uWebSockets.js has taken apart, as text again (latin1), so that both engines vet a request with one parser.
 * `undefined`: it has bytes that are not valid UTF-8; those came as U+FFFD, and what they were is lost.
 */
export function headText(request: UwsRequest): string | undefined {
  const query = request.getQuery();
  const target = typeof query === 'string' ? `${request.getUrl()}?${query}` : request.getUrl();
  lines = `${request.getCaseSensitiveMethod()} ${target} HTTP/1.1\r\n`;
  request.forEach(addLine);
  const text = `${lines}\r\n`;
  if (isAscii(text)) return text;
  return text.includes('\ufffd') ? undefined : Buffer.from(text, 'utf8').toString('latin1');
}

/** Latin1 text in a form that uWebSockets.js writes as it is: it encodes strings as UTF-8. */
export function wireText(text: string): string | Buffer {
  return isAscii(text) ? text : Buffer.from(text, 'latin1');
}

/** The length in UTF-8 is asked of a native function that reads eight bytes at a time. */
function isAscii(text: string): boolean {
  return Buffer.byteLength(text, 'utf8') === text.length;
}

/** Field lines without `Date`: uWebSockets.js writes one of its own and cannot be told not to. */
export function withoutDate(block: string): string {
  const at = block.startsWith('Date: ') ? 0 : block.indexOf('\r\nDate: ') + 2;
  if (at >= 2 || block.startsWith('Date: ')) return block.slice(0, at) + block.slice(block.indexOf('\r\n', at) + 2);
  const found = DATE_LINE.exec(block);
  if (found === null) return block;
  const start = found.index === 0 ? 0 : found.index + 2;
  return block.slice(0, start) + block.slice(found.index + found[0].length + 2);
}

const addresses = new Map<number, string>();

/** An address of 4 or 16 bytes as text; an IPv4-mapped one as IPv4, IPv6 as RFC 5952 has it. */
export function addressText(bytes: ArrayBuffer): string {
  const view = new DataView(bytes);
  if (view.byteLength === 4) return ipv4Text(view.getUint32(0));
  if (view.byteLength !== 16) return '';
  const isMapped = view.getUint32(0) === 0 && view.getUint32(4) === 0 && view.getUint32(8) === 0xffff;
  return isMapped ? ipv4Text(view.getUint32(12)) : ipv6Text(view);
}

function ipv4Text(address: number): string {
  const known = addresses.get(address);
  if (known !== undefined) return known;
  if (addresses.size >= MAX_ADDRESSES) addresses.clear();
  const text = `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
  addresses.set(address, text);
  return text;
}

function ipv6Text(view: DataView): string {
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i));
  let gapStart = -1;
  let gapLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > gapLength) {
      gapStart = i;
      gapLength = length;
    }
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return gapStart < 0 ? hex(0, 8) : `${hex(0, gapStart)}::${hex(gapStart + gapLength, 8)}`;
}
