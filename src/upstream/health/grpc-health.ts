/** The two messages of grpc.health.v1, with the five bytes that gRPC puts before each. */

/** HealthCheckResponse.ServingStatus, and what is none. */
export type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN' | 'malformed';

const STATUSES: readonly ServingStatus[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const PREFIX_BYTES = 5;
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED_BYTES = new Map([
  [1, 8],
  [5, 4],
]);

/** HealthCheckRequest { string service = 1 }, not compressed. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8');
  const field = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of((1 << 3) | LENGTH_DELIMITED), varint(name.length), name]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(field.length, 1);
  return Buffer.concat([prefix, field]);
}

/** HealthCheckResponse { ServingStatus status = 1 }; of unknown fields nothing is known but where they end. */
export function readHealthResponse(framed: Uint8Array): ServingStatus {
  const view = Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength);
  if (view.length < PREFIX_BYTES || view[0] !== 0 || view.readUInt32BE(1) !== view.length - PREFIX_BYTES) return 'malformed';
  const cursor: Cursor = { bytes: view, at: PREFIX_BYTES };
  let status: ServingStatus = 'UNKNOWN';
  while (cursor.at < view.length) {
    const tag = readVarint(cursor);
    const value = tag < 0 ? -1 : skipValue(cursor, tag & 7);
    if (value < 0 || cursor.at > view.length) return 'malformed';
    if (tag === ((1 << 3) | VARINT)) status = STATUSES[value] ?? 'UNKNOWN';
  }
  return status;
}

type Cursor = { readonly bytes: Uint8Array; at: number };

/** The value of a number, 0 for others, -1 for what is none. */
function skipValue(cursor: Cursor, wireType: number): number {
  if (wireType === VARINT) return readVarint(cursor);
  const bytes = wireType === LENGTH_DELIMITED ? readVarint(cursor) : (FIXED_BYTES.get(wireType) ?? -1);
  if (bytes < 0) return -1;
  cursor.at += bytes;
  return 0;
}

/** -1 where the bytes end in its middle, or it is longer than ten. */
function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) return -1;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  return -1;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.of(...bytes, rest);
}
