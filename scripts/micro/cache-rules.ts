/** What the rules of the cache cost: the key, a decision, an admission. `node scripts/micro/cache-rules.ts` prints ns a call, the best of many short rounds, which others on the machine disturb least. */
import { admit } from '../../src/cache/admit.ts';
import { CacheRequest, readCacheRequest } from '../../src/cache/cache-request.ts';
import { Decision, decide } from '../../src/cache/decide.ts';
import { freshen } from '../../src/cache/freshen.ts';
import { compileCachePolicy } from '../../src/cache/policy.ts';
import { decodeMeta, type StoredView } from '../../src/cache/stored.ts';
import type { RouteCacheConfig } from '../../src/config/types.ts';
import { FieldMarks } from '../../src/http/field-marks.ts';
import { parseRequestHead, RequestHead } from '../../src/http/request-head.ts';
import { parseResponseHead, ResponseHead } from '../../src/http/response-head.ts';

const CONFIG: RouteCacheConfig = {
  methods: ['GET', 'HEAD'],
  maxObjectBytes: 10 * 2 ** 20,
  key: { query: { kind: 'all' }, sortQuery: true, headers: [], cookies: [] },
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  defaultTtlMs: 0,
  heuristic: { fraction: 0.1, maxMs: 24 * 3600 * 1000 },
  negativeTtl: [],
  ttl: [],
  storeSetCookie: false,
  tagsHeaders: ['surrogate-key', 'cache-tag'],
  targeted: ['cdn-cache-control'],
  debug: false,
  maxVariants: 32,
  noVarySearch: true,
  ignoreClientCacheControl: false,
};
const CALLS = 2_000;
const ROUNDS = 200;

function request(...lines: readonly string[]): RequestHead {
  const head = new RequestHead(new FieldMarks(64));
  const text = ['GET /assets/app.js?v=12&lang=en HTTP/1.1', 'Host: www.example.com', ...lines].join('\r\n');
  if (parseRequestHead(`${text}\r\n\r\n`, head, { maxTargetBytes: 8192, maxFields: 64 }) !== undefined) throw new Error('refused');
  return head;
}

function response(...lines: readonly string[]): ResponseHead {
  const head = new ResponseHead(new FieldMarks(64));
  if (parseResponseHead(`${lines.join('\r\n')}\r\n\r\n`, head, { maxFields: 64 }) !== undefined) throw new Error('fault');
  return head;
}

const policy = compileCachePolicy('route', CONFIG);
const plain = request(
  'Accept: */*',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64)',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
);
const reload = request(
  'Cache-Control: max-age=0',
  'If-None-Match: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
  'Accept-Encoding: gzip, deflate, br, zstd',
);
const date = new Date(Date.now()).toUTCString();
const answer = response(
  'HTTP/1.1 200 OK',
  `Date: ${date}`,
  'Content-Type: application/javascript',
  'Content-Length: 10240',
  'Cache-Control: public, max-age=3600',
  'ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
  'Last-Modified: Tue, 22 Feb 2022 22:22:22 GMT',
  'Server: origin',
  'X-Frame-Options: DENY',
);
const varying = response(
  'HTTP/1.1 200 OK',
  `Date: ${date}`,
  'Content-Type: text/html',
  'Content-Length: 10240',
  'Cache-Control: max-age=3600',
  'Vary: Accept-Encoding',
);
const unchanged = response(
  'HTTP/1.1 304 Not Modified',
  `Date: ${date}`,
  'Cache-Control: public, max-age=3600',
  'ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
);
const times = { requestMs: 1000, responseMs: 1001, responseEpochMs: Date.now() };

function read(head: RequestHead): CacheRequest {
  const into = new CacheRequest();
  readCacheRequest(policy, head, { scheme: 'http', contentDigest: '' }, into);
  return into;
}

function viewOf(head: ResponseHead): StoredView {
  const admission = admit(read(plain), head, times);
  const meta = admission.kind === 'store' ? decodeMeta(admission.meta) : undefined;
  if (admission.kind !== 'store' || meta === undefined) throw new Error('not stored');
  return { meta, numbers: admission.numbers, flags: 0, bodyLength: 10240 };
}

const [asked, reloading] = [read(plain), read(reload)];
const [stored, variant] = [[viewOf(answer)], [viewOf(varying)]];
const into = new CacheRequest();
const decision = new Decision();
const origin = { scheme: 'http', contentDigest: '' };
const WORK: Readonly<Record<string, () => void>> = {
  'read a plain request, key included': () => readCacheRequest(policy, plain, origin, into),
  'read a reload': () => readCacheRequest(policy, reload, origin, into),
  'decide: a fresh hit': () => decide(asked, stored, 2000, decision),
  'decide: a fresh hit that varies by Accept-Encoding': () => decide(asked, variant, 2000, decision),
  'decide: a reload': () => decide(reloading, stored, 2000, decision),
  'admit, with two dates and two validators': () => admit(asked, answer, times),
  'admit, with Vary': () => admit(asked, varying, times),
  'freshen by a 304': () => freshen(asked, stored[0] as StoredView, unchanged, times),
};

for (const [name, work] of Object.entries(WORK)) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) work();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / CALLS);
  }
  console.log(`${best.toFixed(0).padStart(6)} ns  ${name}`);
}
