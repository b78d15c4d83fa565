/**
 * Nanoseconds per call of the request side of `http`: parsing a head, and building the one for the origin.
 * Run: node --disable-warning=ExperimentalWarning scripts/micro/forward.ts
 */
import { FieldMarks } from '../../src/http/field-marks.ts';
import { buildUpstreamHead, compileForwardPolicy, ForwardFacts } from '../../src/http/forward.ts';
import { parseRequestHead, RequestHead } from '../../src/http/request-head.ts';

const HEADS: Readonly<Record<string, string>> = {
  'wrk, 1 field': 'GET /api/orders/42 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n',
  'typical, 6 fields':
    'GET /api/orders/42?page=1 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n' +
    'Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nConnection: keep-alive\r\n\r\n',
  'browser, 14 fields':
    'GET /shop/items?category=12&sort=price HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n' +
    'sec-ch-ua: "Chromium";v="124", "Google Chrome";v="124"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n' +
    'Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/124.0.0.0 Safari/537.36\r\n' +
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n' +
    'Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n' +
    'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n\r\n',
};
const CALLS = 10_000;
const ROUNDS = 100;

const head = new RequestHead(new FieldMarks(100));
const limits = { maxTargetBytes: 16384, maxFields: 100 };
const policy = compileForwardPolicy({
  forwardCredentials: true,
  host: 'client',
  requestFields: { set: [], remove: [], allow: undefined },
  pseudonym: 'sluice-0123abcd',
  forwarded: false,
  requestId: 'pass',
});
const facts = new ForwardFacts();
facts.upstreamAuthority = '127.0.0.1:9001';
facts.peerAddress = '127.0.0.1';
facts.clientAddress = '127.0.0.1';
facts.listenerPort = 8080;
const wire = Buffer.allocUnsafe(65536);

function bestNs(call: () => number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.hrtime.bigint();
    let sum = 0;
    for (let i = 0; i < CALLS; i++) sum += call();
    if (sum < 0) throw new Error('unreachable');
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / CALLS);
  }
  return best;
}

for (const [name, text] of Object.entries(HEADS)) {
  const bytes = Buffer.from(text, 'latin1');
  const decode = bestNs(() => bytes.toString('latin1', 0, bytes.length).length);
  const parse = bestNs(() => {
    parseRequestHead(bytes.toString('latin1', 0, bytes.length), head, limits);
    return head.marks.count;
  });
  facts.target = head.target;
  const build = bestNs(() => buildUpstreamHead(head, policy, facts).length);
  const write = bestNs(() => wire.write(buildUpstreamHead(head, policy, facts), 0, 'latin1'));
  console.log(
    `${name.padEnd(20)} decode ${decode.toFixed(0).padStart(4)} ns   parse ${(parse - decode).toFixed(0).padStart(4)} ns   build ${build.toFixed(0).padStart(4)} ns   build and write ${write.toFixed(0).padStart(4)} ns`,
  );
}
