import { connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket, type LookupFunction } from 'node:net';
import { authorityText } from '../authority.ts';
import { errorCode } from '../network-error.ts';
import { healthRequest, readHealthResponse } from './grpc-health.ts';
import type { Probe, ProbeOutcome } from './probe.ts';

const MAX_ANSWER_BYTES = 4096;
const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

/** Passed when grpc.health.v1.Health/Check says SERVING; HTTP/2 by prior knowledge. */
export function probeGrpc(service: string, lookup: LookupFunction): Probe {
  const message = healthRequest(service);
  return (address, done) => {
    // A stream that ends with its connection has the error of that as its cause.
    const fail = (error: Error): void => done({ isGood: false, reason: errorCode(error.cause instanceof Error ? error.cause : error) });
    const session = connect(`http://${authorityText(address)}`, {
      maxSessionMemory: 1,
      createConnection: () => connectSocket({ host: address.host, port: address.port, lookup }),
    });
    session.on('error', fail);
    session.on('close', () => fail(new Error('connection closed')));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'sluice-health',
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    // A call without a message has its status in the head.
    let status: string | undefined;
    let httpStatus = 0;
    stream.on('error', fail);
    stream.on('response', (fields) => {
      httpStatus = fields[':status'] ?? 0;
      status = grpcStatus(fields);
    });
    stream.on('trailers', (fields) => {
      status = grpcStatus(fields);
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
      else fail(new Error('answer is too long'));
    });
    stream.on('end', () => done(judge(httpStatus, status, Buffer.concat(chunks))));
    stream.end(message);
    return () => session.destroy();
  };
}

function grpcStatus(fields: IncomingHttpHeaders): string | undefined {
  const value = fields['grpc-status'];
  return Array.isArray(value) ? value[0] : value;
}

function judge(httpStatus: number, status: string | undefined, body: Uint8Array): ProbeOutcome {
  if (httpStatus !== 200) return { isGood: false, reason: `status ${httpStatus}` };
  if (status === undefined) return { isGood: false, reason: 'no grpc-status' };
  const code = Number(status);
  if (code === UNIMPLEMENTED) return { isGood: false, reason: 'has no grpc.health.v1.Health' };
  if (code === NOT_FOUND) return { isGood: false, reason: 'does not know the service' };
  if (code !== 0) return { isGood: false, reason: `grpc-status ${status}` };
  const serving = readHealthResponse(body);
  return { isGood: serving === 'SERVING', reason: serving };
}
