// What it costs to vet a response head, and to see that it is the last one again. Usage: node scripts/micro/head-memo.ts
import { FieldMarks } from '../../src/http/field-marks.ts';
import { parseResponseHead, ResponseHead } from '../../src/http/response-head.ts';
import { HeadMemo } from '../../src/http/head-memo.ts';

const text =
  'HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 18:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 100\r\nConnection: keep-alive\r\n\r\n';
const bytes = Buffer.from(text + 'x'.repeat(100), 'latin1');
const head = new ResponseHead(new FieldMarks(200));
const memo = new HeadMemo();
memo.store(bytes, 0, text.length);

function timed(name: string, step: () => unknown): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 50; round++) {
    const start = performance.now();
    for (let i = 0; i < 20_000; i++) step();
    best = Math.min(best, (performance.now() - start) * 50);
  }
  console.log(`${name.padEnd(28)} ${best.toFixed(0)} ns`);
}

timed('text and vetting', () => parseResponseHead(bytes.toString('latin1', 0, bytes.length), head, { maxFields: 200 }));
timed('comparison with the last', () => memo.matches(bytes, 0, bytes.length));
