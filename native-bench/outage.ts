import { sleep } from '../scripts/bench/start-process.ts';
import { readUsage, type Subject } from '../scripts/bench/subject.ts';
import { beforeThree, type FailingOrigins } from './failing-origins.ts';
import { openLoad } from './open-load.ts';
import { alternate, type Round, type Section } from './section.ts';
import type { Setting } from './setting.ts';
import type { SubjectPlan } from './subjects.ts';
import { runWrk } from './wrk.ts';

/** All endpoints die at once, and come back at once. */

const CONNECTIONS = 64;
const OUTAGE_SEC = 5;
const RATE_PER_SEC = 400;
const RECOVERY_MS = 15_000;
const SECOND_MS = 1000;
const MEBI = 2 ** 20;

const METRICS = [
  '503 a second',
  '503 p50 ms',
  '503 p99 ms',
  'RSS growth MiB',
  'steady a second',
  'first second / steady',
  'recovered after ms',
].map((name) => ({
  name,
  hasRatio: false,
}));

const UPSTREAM =
  'timeouts: { connect: 200ms }\n' +
  '    breaker: { failures: 5, openFor: 1s, ramp: 4s, service: { failures: 10, openFor: 1s, ramp: 4s } }\n' +
  '    balance: { method: round-robin, panicThreshold: 0% }';

const DEAD = { path: '/', connections: CONNECTIONS, bodyBytes: 0, cpus: undefined };

async function measure(subject: Subject, origins: FailingOrigins): Promise<Round> {
  await openLoad({ port: subject.port, ratePerSec: RATE_PER_SEC, durationMs: 2000 });
  for (const origin of origins.all) await origin.stop();
  await runWrk(subject.port, { ...DEAD, durationSec: 1 });
  const before = readUsage(subject).rssBytes;
  const dead = await runWrk(subject.port, { ...DEAD, durationSec: OUTAGE_SEC });
  const growth = readUsage(subject).rssBytes - before;
  const answered: number[] = [];
  const load = openLoad({
    port: subject.port,
    ratePerSec: RATE_PER_SEC,
    durationMs: RECOVERY_MS,
    onDone: (sentMs, tookMs, status) => {
      if (status === 200) answered.push(sentMs + tookMs);
    },
  });
  await sleep(500);
  const backMs = performance.now();
  for (const origin of origins.all) await origin.start();
  await load;
  const [firstMs = Number.NaN] = answered;
  const within = (fromMs: number): number => answered.filter((ms) => ms >= fromMs && ms < fromMs + SECOND_MS).length;
  return {
    '503 a second': (dead['requests'] ?? Number.NaN) / OUTAGE_SEC,
    '503 p50 ms': (dead.p50Us ?? Number.NaN) / 1000,
    '503 p99 ms': (dead.p99Us ?? Number.NaN) / 1000,
    'RSS growth MiB': growth / MEBI,
    'steady a second': RATE_PER_SEC,
    // Of what came through, since each is one request at an origin.
    'first second / steady': within(firstMs) / RATE_PER_SEC,
    'recovered after ms': firstMs - backMs,
  };
}

export async function measureOutage(setting: Setting): Promise<Section> {
  const plans: SubjectPlan[] = [{ kind: 'sluice', engine: 'node', pipelining: 1, name: 'sluice', extras: { upstream: UPSTREAM } }];
  const done = await alternate(plans, setting.options.rounds, (plan) => beforeThree(setting, plan, measure));
  return {
    id: 'outage',
    title: 'All endpoints die, and come back',
    how:
      `Three origins are killed; from a second later on ${CONNECTIONS} connections ask as fast as they are answered (wrk, ${OUTAGE_SEC} s): every answer is a 503 of Sluice's own. Then ${RATE_PER_SEC} requests a second in an open loop, and ` +
      'half a second later the origins are back. The first second begins with the first answer of an origin.',
    metrics: METRICS,
    measured: done.measured,
    skipped: done.skipped,
    pairs: [],
  };
}
