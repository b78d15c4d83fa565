/**
 * What one access-log record costs its worker: formatting it, copying it into the buffer, and the hand-over of full chunks to a writer
 * that is done at once. Run: `node_modules/.bin/node scripts/micro/access-log.ts`. The target is 1.5 µs a record.
 */
import { ACCESS_LOG_DEFAULTS, AccessLog } from '../../src/observe/access-log.ts';
import { AccessRecord } from '../../src/observe/access-record.ts';
import { RequestIds } from '../../src/observe/request-id.ts';

const ROUNDS = 7;
const RECORDS = 200_000;
const RECORDS_PER_TURN = 32;

let bytes = 0;
const log: AccessLog = new AccessLog(
  (chunk) => {
    bytes += chunk.byteLength;
    log.onWritten(chunk);
  },
  { ...ACCESS_LOG_DEFAULTS, onDrop: () => {}, schedule: () => {} },
);
const ids = new RequestIds(Uint8Array.of(1, 2, 3, 4, 5, 6), 1);
const record = new AccessRecord();

function fill(at: number): void {
  record.requestId = ids.next();
  record.listener = 'web';
  record.route = 'orders';
  record.upstream = 'orders';
  record.endpoint = 'http://127.0.0.1:9001';
  record.method = 'GET';
  record.target = '/api/orders/1234567?page=2&sort=created';
  record.host = 'api.example.com';
  record.protocol = 'HTTP/1.1';
  record.clientAddress = '203.0.113.195';
  record.peerAddress = '10.1.2.3';
  record.status = 200;
  record.bytesSent = 1000 + (at % 5000);
  record.timeMs = 1_800_000_000_000 + at / 50;
  record.routeMs = 0.012;
  record.connectMs = 0.031;
  record.responseMs = 4.2 + (at % 100) / 7;
  record.bodyMs = 0.204;
  record.totalMs = 4.6 + (at % 100) / 7;
  record.userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36';
}

function round(): number {
  const start = process.cpuUsage();
  for (let at = 0; at < RECORDS; at += 1) {
    fill(at);
    log.write(record);
    if (at % RECORDS_PER_TURN === 0) log.flush();
  }
  log.flush();
  const used = process.cpuUsage(start);
  return ((used.user + used.system) * 1000) / RECORDS;
}

round();
const results = Array.from({ length: ROUNDS }, round).sort((a, b) => a - b);
const lineBytes = Math.round(bytes / (RECORDS * (ROUNDS + 1)));
console.log(
  `${results[ROUNDS >> 1]?.toFixed(0)} ns of CPU a record (best ${results[0]?.toFixed(0)}, worst ${results.at(-1)?.toFixed(0)}), ${lineBytes} bytes a line`,
);
