import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly ttl: number; readonly address: string }
  | {
      readonly type: 'SRV';
      readonly ttl: number;
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    };

/** What to say to a question: records (none = no such data), `NXDOMAIN`, `SERVFAIL`, or nothing at all. */
export type DnsAnswer = readonly DnsRecord[] | 'NXDOMAIN' | 'SERVFAIL' | 'silence';

const TYPES: Readonly<Record<number, DnsRecord['type']>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };
const CODES = { NXDOMAIN: 3, SERVFAIL: 2 } as const;
const HEAD_BYTES = 12;

/** A name server on a loopback port of its own, over UDP, whose answers a test decides. */
export class DnsServer {
  /** `orders.test A`, in order of arrival. */
  readonly questions: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket, answer: (name: string, type: DnsRecord['type']) => DnsAnswer) {
    this.#socket = socket;
    socket.on('message', (query, { port, address }) => {
      const { name, type, end } = readQuestion(query);
      this.questions.push(`${name} ${type}`);
      const reply = answer(name, type);
      if (reply !== 'silence') socket.send(makeReply(query, end, reply, type), port, address);
    });
  }

  static async start(answer: (name: string, type: DnsRecord['type']) => DnsAnswer): Promise<DnsServer> {
    const socket = createSocket('udp4');
    const server = new DnsServer(socket, answer);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return server;
  }

  /** As `Resolver.setServers` wants it. */
  get address(): string {
    return `127.0.0.1:${(this.#socket.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#socket.close();
  }
}

function readQuestion(query: Buffer): { readonly name: string; readonly type: DnsRecord['type']; readonly end: number } {
  const labels: string[] = [];
  let at = HEAD_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: TYPES[query.readUInt16BE(at + 1)] ?? 'A', end: at + 5 };
}

/** The records that are of the type that was asked for; the others would be another question's. */
function makeReply(query: Buffer, end: number, answer: Exclude<DnsAnswer, 'silence'>, type: DnsRecord['type']): Buffer {
  const records = typeof answer === 'string' ? [] : answer.filter((record) => record.type === type);
  const head = Buffer.from(query.subarray(0, end));
  head.writeUInt16BE(0x8180 | (typeof answer === 'string' ? CODES[answer] : 0), 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...records.map(recordBytes)]);
}

function recordBytes(record: DnsRecord): Buffer {
  const content = contentOf(record);
  // The name is that of the question: a pointer to where it stands.
  const head = Buffer.from([0xc0, HEAD_BYTES, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  head.writeUInt16BE(Number(Object.keys(TYPES).find((number) => TYPES[Number(number)] === record.type)), 2);
  head.writeUInt32BE(record.ttl, 6);
  head.writeUInt16BE(content.length, 10);
  return Buffer.concat([head, content]);
}

function contentOf(record: DnsRecord): Buffer {
  if (record.type !== 'SRV') return record.type === 'A' ? Buffer.from(record.address.split('.').map(Number)) : ipv6Bytes(record.address);
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(record.priority, 0);
  numbers.writeUInt16BE(record.weight, 2);
  numbers.writeUInt16BE(record.port, 4);
  const labels = record.target.split('.').filter((label) => label !== '');
  return Buffer.concat([
    numbers,
    ...labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
    Buffer.of(0),
  ]);
}

/** `fd00::1`, with one `::` or none. */
function ipv6Bytes(address: string): Buffer {
  const [left = '', right] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const tail = right === undefined ? [] : groups(right);
  const middle = Array.from({ length: 8 - groups(left).length - tail.length }, () => '0');
  const bytes = Buffer.alloc(16);
  for (const [i, group] of [...groups(left), ...middle, ...tail].entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2);
  return bytes;
}
