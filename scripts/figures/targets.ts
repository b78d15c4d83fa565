import type { Figure, Reading, Target } from './figure.ts';
import { UPSTREAMS } from './upstream-targets.ts';

/** Every figure that issues 3 to 6 and 8 promise, as far as it can be measured on one machine, and what the peers do on the same work. */

const CPU = 'CPU µs/req';

function max(value: number): { readonly target: Target } {
  return { target: { bound: '≤', value } };
}

function min(value: number): { readonly target: Target } {
  return { target: { bound: '≥', value } };
}

type Asked = { readonly metric?: string; readonly over?: string; readonly minus?: string };

/** Of a scenario of native-bench whose report has the scenario's name, or of another report with this section. */
function of(section: string, subject: string, { metric = CPU, ...other }: Asked = {}): { readonly from: string; readonly read: Reading } {
  return { from: section, read: { kind: 'rounds', section, subject, metric, ...other } };
}

function micro(program: string, subject: string, other: Asked = {}): { readonly from: string; readonly read: Reading } {
  return { from: `micro-${program}`, read: { kind: 'rounds', section: program, subject, metric: 'ns', ...other } };
}

function at(from: string, path: string): { readonly from: string; readonly read: Reading } {
  return { from, read: { kind: 'path', path } };
}

function countOf(from: string, path: string): { readonly from: string; readonly read: Reading } {
  return { from, read: { kind: 'count', path } };
}

const OURS = 'sluice-node';
const HERD = 'sluice-node-herd';
const PIPELINED = 'sluice-node-p16';

const RELAY: readonly Omit<Figure, 'issue'>[] = [
  { name: 'relay 100 B: CPU ÷ nginx', unit: '×', ...max(1), ...of('relay100', OURS, { over: 'nginx' }) },
  { name: 'relay 100 B: CPU ÷ HAProxy', unit: '×', ...max(1), ...of('relay100', OURS, { over: 'haproxy' }) },
  { name: 'relay 100 B, pipelining 16: CPU ÷ nginx', unit: '×', ...max(0.85), ...of('relay100', PIPELINED, { over: 'nginx' }) },
  { name: 'relay 100 B: CPU a request', unit: 'µs', ...of('relay100', OURS) },
  { name: 'relay 100 B: CPU a request of nginx', unit: 'µs', ...of('relay100', 'nginx') },
  { name: 'relay 100 B: CPU a request of HAProxy', unit: 'µs', ...of('relay100', 'haproxy') },
  { name: 'relay 64 KiB: CPU ÷ nginx', unit: '×', ...max(1.3), ...of('relay64k', OURS, { over: 'nginx' }) },
  { name: 'uploads of 1 MiB: CPU ÷ nginx', unit: '×', ...max(1.3), ...of('upload1m', OURS, { over: 'nginx' }) },
  { name: 'p99 at one constant rate ÷ nginx', unit: '×', ...max(1.2), ...of('latency', OURS, { metric: 'p99 µs', over: 'nginx' }) },
  { name: 'p99.9 at one constant rate ÷ nginx', unit: '×', ...max(2), ...of('latency', OURS, { metric: 'p99.9 µs', over: 'nginx' }) },
  { name: 'p99 at one constant rate ÷ HAProxy', unit: '×', ...of('latency', OURS, { metric: 'p99 µs', over: 'haproxy' }) },
  { name: 'longest garbage collection under load', unit: 'ms', ...max(10), ...of('latency', OURS, { metric: 'longest GC ms' }) },
  { name: 'two workers ÷ one: CPU a request', unit: '×', ...max(1.1), ...of('workers', `${OURS} 2w`, { over: `${OURS} 1w` }) },
  { name: 'two workers ÷ one: CPU a request of nginx', unit: '×', ...of('workers', 'nginx 2w', { over: 'nginx 1w' }) },
  { name: 'acceptor ÷ reuseport (uws): CPU a request', unit: '×', ...sharding('keep-alive CPU µs/req') },
  { name: 'acceptor ÷ reuseport (uws): CPU a request, one a connection', unit: '×', ...sharding('one-request CPU µs/req') },
  { name: 'a client at 1 MiB/s: RSS grows by (10 s)', unit: 'MiB', ...max(64), ...of('slow-reader', OURS, { metric: 'growth MiB' }) },
  { name: 'an idle keep-alive client', unit: 'KiB', ...max(10), ...of('idle', OURS, { metric: 'KiB each' }) },
  { name: 'an idle keep-alive client of nginx', unit: 'KiB', ...of('idle', 'nginx', { metric: 'KiB each' }) },
  { name: '5 million requests: RSS at the end', unit: 'MiB', ...of('soak', OURS, { metric: 'RSS at the end MiB' }) },
  { name: '5 million requests: RSS after the first tenth', unit: 'MiB', ...of('soak', OURS, { metric: 'RSS at 10 % MiB' }) },
  { name: 'reloads and upgrades, keep-alive: failed requests', unit: '', ...max(0), ...at('faults', 'loads.0.count.failed') },
  { name: 'the same, one request a connection: failed', unit: '', ...at('faults', 'loads.1.count.failed') },
  { name: 'SIGKILL of the proxy: accepting again after', unit: 'ms', ...max(1000), ...at('faults', 'killMs') },
  { name: '`npm start` to ready', unit: 'ms', ...max(1500), ...at('faults', 'startMs') },
  { name: 'RSS of the idle proxy, two workers', unit: 'MiB', ...max(200), ...at('faults', 'startRssMiB') },
  { name: 'own code of a relayed request', unit: 'ns', ...micro('pipeline', 'the same request, the same answer') },
  { name: '`npm run bench -- --quick`: p99 at 60 %', unit: 'µs', ...of('bench-quick', OURS, { metric: 'p99 µs' }) },
  { name: '`npm run bench -- --quick`: throughput', unit: 'req/s', ...of('bench-quick', OURS, { metric: 'req/s' }) },
];

function sharding(metric: string): { readonly from: string; readonly read: Reading } {
  return of('sharding', 'sluice-uws-acceptor', { metric, over: 'sluice-uws-reuseport' });
}

const hits = (section: 'hit100' | 'hit10k', size: string): readonly Omit<Figure, 'issue'>[] => [
  { name: `hit ${size}: CPU ÷ nginx`, unit: '×', ...max(0.9), ...of(section, OURS, { over: 'nginx-cache' }) },
  { name: `hit ${size}: CPU ÷ HAProxy`, unit: '×', ...max(1), ...of(section, OURS, { over: 'haproxy-cache' }) },
  { name: `hit ${size}: CPU ÷ Varnish`, unit: '×', ...max(0.4), ...of(section, OURS, { over: 'varnish' }) },
];

const LATER = { metric: 'later hits CPU µs' };

const CACHE: readonly Omit<Figure, 'issue'>[] = [
  ...hits('hit100', '100 B'),
  ...hits('hit10k', '10 KiB'),
  { name: "hit on another worker's object: more", unit: 'µs', ...max(1), ...of('hit-other', `${OURS}, difference`, LATER) },
  { name: 'stored miss ÷ pass-through: CPU', unit: '×', ...max(1.25), ...of('miss-stored', OURS, { over: `${OURS} pass` }) },
  { name: 'stored miss ÷ pass-through of nginx', unit: '×', ...of('miss-stored', 'nginx-cache', { over: 'nginx-cache pass' }) },
  { name: 'stored miss ÷ pass-through of HAProxy', unit: '×', ...of('miss-stored', 'haproxy-cache', { over: 'haproxy-cache pass' }) },
  { name: 'stored miss ÷ pass-through of Varnish', unit: '×', ...of('miss-stored', 'varnish', { over: 'varnish pass' }) },
  { name: 'stored miss: CPU ÷ nginx', unit: '×', ...of('miss-stored', OURS, { over: 'nginx-cache' }) },
  { name: 'stored miss: CPU ÷ Varnish', unit: '×', ...of('miss-stored', OURS, { over: 'varnish' }) },
  { name: 'own code of a hit, 100 B', unit: 'ns', ...micro('hit', '100 bytes, the same request') },
  { name: 'own code of a stored miss, made request included', unit: 'ns', ...micro('miss', 'alone') },
  { name: 'own code of a pass-through, made request included', unit: 'ns', ...micro('miss', 'pass') },
  { name: 'disk tier with 100 000 objects: opened after', unit: 'ms', ...max(1000), ...disk() },
  { name: 'kills: faults found', unit: '', ...max(0), ...countOf('store-kills', 'report.faults') },
  { name: 'kills in the middle of a step', unit: '', ...min(10_000), ...at('store-kills', 'report.injectedKills') },
  { name: 'random inserts: faults found', unit: '', ...max(0), ...countOf('store-inserts', 'report.faults') },
  { name: 'random inserts', unit: '', ...min(10_000_000), ...at('store-inserts', 'report.inserts') },
  { name: 'bytes lost when all had expired', unit: '', ...max(0), ...at('store-inserts', 'report.bytesLost') },
];

function disk(): { readonly from: string; readonly read: Reading } {
  return { from: 'micro-disk-tier', read: { kind: 'rounds', section: 'disk-tier', subject: 'opened', metric: 'ms' } };
}

const UNSHAREABLE = { first: 'first herd: last/origin', second: 'second herd: last/origin' };
const FIRST_BYTE = 'first byte p99 ms';

const COLLAPSE: readonly Omit<Figure, 'issue'>[] = [
  { name: 'herd of 1000: requests to the origin', unit: '', ...max(1), ...of('herd', HERD, { metric: 'origin requests' }) },
  { name: 'herd of 1000: last ÷ first', unit: '×', ...max(1.15), ...of('herd', HERD, { metric: 'last/first' }) },
  { name: 'herd of 1000: last ÷ first, no proxy', unit: '×', ...of('herd', 'no proxy', { metric: 'last/first' }) },
  { name: 'herd of 1000: last ÷ first of nginx', unit: '×', ...of('herd', 'nginx-herd', { metric: 'last/first' }) },
  { name: 'herd of 1000: last ÷ first of Varnish', unit: '×', ...of('herd', 'varnish-herd', { metric: 'last/first' }) },
  { name: 'unshareable, first herd: last ÷ origin', unit: '×', ...max(2.2), ...unshareable(HERD, UNSHAREABLE.first) },
  { name: 'unshareable, second herd: last ÷ origin', unit: '×', ...max(1.15), ...unshareable(HERD, UNSHAREABLE.second) },
  { name: 'unshareable, first herd: no proxy', unit: '×', ...unshareable('no proxy', UNSHAREABLE.first) },
  { name: 'unshareable, second herd: no proxy', unit: '×', ...unshareable('no proxy', UNSHAREABLE.second) },
  { name: 'unshareable, first herd: nginx', unit: '×', ...unshareable('nginx-herd', UNSHAREABLE.first) },
  { name: 'unshareable, first herd: Varnish', unit: '×', ...unshareable('varnish-herd', UNSHAREABLE.first) },
  { name: "a follower's first byte p99", unit: 'ms', ...max(5), ...of('follower-delay', `${HERD}, same worker`, { metric: FIRST_BYTE }) },
  { name: 'the same on another worker', unit: 'ms', ...max(5), ...of('follower-delay', `${HERD}, other worker`, { metric: FIRST_BYTE }) },
  { name: "a follower's first byte p99 of Varnish", unit: 'ms', ...of('follower-delay', 'varnish-herd', { metric: FIRST_BYTE }) },
  { name: '20 followers of 100 MiB, one slow: growth', unit: 'MiB', ...max(32), ...slow('growth MiB') },
  {
    name: 'the others, with and without the slow one',
    unit: '×',
    ...of('slow-follower', `${HERD}, one slow`, { metric: 'others last s', over: HERD }),
  },
  { name: '1000 keys, Zipf: origin requests a key and expiry', unit: '', ...max(1), ...of('herd-zipf', HERD, { metric: 'origin/expiry' }) },
  { name: '1000 keys, Zipf: p99', unit: 'ms', ...of('herd-zipf', HERD, { metric: 'p99 ms' }) },
  { name: '1000 keys, Zipf: p99 of nginx', unit: 'ms', ...of('herd-zipf', 'nginx-herd', { metric: 'p99 ms' }) },
  { name: '1000 keys, Zipf: p99 of Varnish', unit: 'ms', ...of('herd-zipf', 'varnish-herd', { metric: 'p99 ms' }) },
  { name: 'lone miss: collapse adds', unit: 'µs', ...max(1), ...of('lone-miss', `${OURS}, miss, difference`) },
  { name: 'hit: collapse adds', unit: 'µs', ...of('lone-miss', `${OURS}, hit, difference`) },
  { name: 'own code: collapse adds to a lone miss', unit: 'ns', ...micro('miss', 'collapsed', { minus: 'alone' }) },
  { name: '1000 deaths and breaks in mid-body: faults', unit: '', ...max(0), ...countOf('collapse', 'report.faults') },
  { name: 'idempotency, 100 kills: faults', unit: '', ...max(0), ...countOf('idempotency', 'report.faults') },
];

function unshareable(subject: string, metric: string): { readonly from: string; readonly read: Reading } {
  return of('herd-unshareable', subject, { metric });
}

function slow(metric: string): { readonly from: string; readonly read: Reading } {
  return of('slow-follower', `${HERD}, one slow`, { metric });
}

const ADAPTIVE = 'sluice-adaptive';

const LIMITS: readonly Omit<Figure, 'issue'>[] = [
  { name: 'a decision, one key', unit: 'ns', ...max(60), ...micro('limits', 'one key, admitted') },
  {
    name: 'a decision among a million live keys, a warm thousand',
    unit: 'ns',
    ...max(60),
    ...micro('limits', 'a thousand keys, with a million live'),
  },
  {
    name: 'a decision, a million keys in turn',
    unit: 'ns',
    ...max(60),
    ...micro('limits', 'a million keys, in turn (no line of memory is in a cache)'),
  },
  { name: 'a decision, two threads on one key', unit: 'ns', ...max(80), ...micro('limits', 'two threads on one key') },
  { name: 'a limited route: CPU more', unit: 'µs', ...max(0.5), ...of('limited', `${OURS}, difference`) },
  { name: 'a limited route without fields: CPU more', unit: 'µs', ...max(0.5), ...of('limited', `${OURS}, no fields, difference`) },
  { name: 'nginx `limit_req`: CPU more', unit: 'µs', ...of('limited', 'nginx-limited, difference') },
  { name: 'HAProxy stick table: CPU more', unit: 'µs', ...of('limited', 'haproxy-limited, difference') },
  { name: 'own code: a limit adds', unit: 'ns', ...max(500), ...micro('limited', 'ip', { minus: 'pass' }) },
  {
    name: 'own code: a limit that tells nothing adds',
    unit: 'ns',
    ...max(500),
    ...micro('limited', 'ip, told nothing', { minus: 'pass' }),
  },
  { name: '4 threads, one key: least share admitted', unit: '', ...min(0.999), ...at('limits', 'report.one.leastShare') },
  { name: '100 000 keys: least share admitted', unit: '', ...min(0.999), ...at('limits', 'report.many.leastShare') },
  { name: 'admitted beyond bucket and refill: faults', unit: '', ...max(0), ...countOf('limits', 'report.one.faults') },
  { name: 'keys in 32 MiB', unit: '', ...min(1_000_000), ...at('limits', 'report.flood.stats.cells') },
  { name: 'ten million one-time keys: least share of real clients', unit: '', ...min(0.999), ...at('limits', 'report.flood.leastShare') },
  { name: 'adaptive, origin 10 × slower: p99 ÷ its own', unit: '×', ...max(2), ...of('adaptive', ADAPTIVE, { metric: 'slow p99 / own' }) },
  { name: 'adaptive, origin 10 × slower: goodput', unit: '', ...min(0.9), ...of('adaptive', ADAPTIVE, { metric: 'slow goodput' }) },
  { name: 'not adaptive: p99 ÷ its own', unit: '×', ...of('adaptive', 'sluice', { metric: 'slow p99 / own' }) },
];

const issue = (number: Figure['issue'], figures: readonly Omit<Figure, 'issue'>[]): Figure[] =>
  figures.map((figure) => ({ ...figure, issue: number }));

export const FIGURES: readonly Figure[] = [
  ...issue(3, RELAY),
  ...issue(4, CACHE),
  ...issue(5, COLLAPSE),
  ...issue(6, LIMITS),
  ...issue(8, UPSTREAMS),
];
