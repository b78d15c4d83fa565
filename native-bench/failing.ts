import type { Subject } from '../scripts/bench/subject.ts';
import { beforeThree, type FailingOrigins, type Failure } from './failing-origins.ts';
import { openLoad, percentile } from './open-load.ts';
import { alternate, pairsOf, type Round, type Section } from './section.ts';
import type { Setting } from './setting.ts';
import { peerPlan, type SubjectPlan } from './subjects.ts';

/** Three endpoints under constant load, and something happens to one of them. */

const RATE_PER_SEC = 600;
const WINDOW_MS = 500;
const HEALTHY_MS = 4000;
const FAILED_MS = 6000;
/** What it takes to be well again, and then as long as it is looked at. */
const MENDING_MS = 5000;
const MENDED_MS = 4000;
/** Whoever copes has its latency back after so long. */
const GIVEN_MS = 2000;
const ALLOWED = 1.2;

const METRICS = [
  'errors %',
  'healthy p99 ms',
  'failed p99 ms',
  'settled p99 / healthy',
  'settled after ms',
  'mended max / mean',
  'lag p99 ms',
].map((name) => ({
  name,
  hasRatio: false,
}));

/** What a careful operator would write; HAProxy's is `peers/haproxy-failing.cfg`, with the same times. */
const UPSTREAM =
  'timeouts: { connect: 200ms, try: 250ms }\n' +
  '    retry: { attempts: 3, on: [connect-failure, reset, timeout, 5xx], backoff: "1ms..10ms" }\n' +
  '    extraLoad: 50%\n' +
  '    health: { active: { path: "/", interval: 500ms, timeout: 300ms, unhealthyAfter: 2, healthyAfter: 2 }, passive: { consecutive5xx: 5, consecutiveLocal: 3, ejectFor: 2s, maxEjected: 40% } }';

type Sample = { readonly sentMs: number; readonly tookMs: number; readonly isGood: boolean };

async function measure(subject: Subject, origins: FailingOrigins, how: Failure): Promise<Round> {
  const samples: Sample[] = [];
  const totalMs = HEALTHY_MS + FAILED_MS + MENDING_MS + MENDED_MS;
  await openLoad({ port: subject.port, ratePerSec: RATE_PER_SEC, durationMs: 1500 });
  const startMs = performance.now();
  const counts: (readonly number[])[] = [];
  const at = (ms: number, step: () => Promise<unknown>): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms)).then(step);
  const steps = Promise.all([
    at(HEALTHY_MS, () => origins.fail(how)),
    at(HEALTHY_MS + FAILED_MS, () => origins.mend(how)),
    at(totalMs - MENDED_MS, async () => counts.push(await origins.counts())),
  ]);
  const load = await openLoad({
    port: subject.port,
    ratePerSec: RATE_PER_SEC,
    durationMs: totalMs,
    onDone: (sentMs, tookMs, status) => samples.push({ sentMs: sentMs - startMs, tookMs, isGood: status === 200 }),
  });
  await steps;
  counts.push(await origins.counts());
  return judge(samples, { counts, lagMs: percentile(load.lagsMs, 0.99) });
}

function judge(
  samples: readonly Sample[],
  { counts, lagMs }: { readonly counts: readonly (readonly number[])[]; readonly lagMs: number },
): Round {
  const p99 = (fromMs: number, toMs: number): number =>
    percentile(
      samples
        .filter(({ sentMs }) => sentMs >= fromMs && sentMs < toMs)
        .map(({ tookMs }) => tookMs)
        .sort((a, b) => a - b),
      0.99,
    );
  const healthyMs = p99(0, HEALTHY_MS);
  const endMs = HEALTHY_MS + FAILED_MS;
  let settledMs = FAILED_MS;
  for (let fromMs = endMs - WINDOW_MS; fromMs >= HEALTHY_MS && p99(fromMs, fromMs + WINDOW_MS) <= ALLOWED * healthyMs; fromMs -= WINDOW_MS)
    settledMs = fromMs - HEALTHY_MS;
  const after = samples.filter(({ sentMs }) => sentMs >= HEALTHY_MS);
  const [before = [], last = []] = counts;
  const shares = last.map((count, at) => count - (before[at] ?? 0));
  return {
    'errors %': (100 * after.filter(({ isGood }) => !isGood).length) / after.length,
    'healthy p99 ms': healthyMs,
    'failed p99 ms': p99(HEALTHY_MS, endMs),
    'settled p99 / healthy': p99(HEALTHY_MS + GIVEN_MS, endMs) / healthyMs,
    'settled after ms': settledMs,
    'mended max / mean': (Math.max(...shares) * shares.length) / shares.reduce((sum, share) => sum + share, 0),
    'lag p99 ms': lagMs,
  };
}

export async function measureFailing(how: Failure, setting: Setting): Promise<Section> {
  const plans: SubjectPlan[] = [
    { kind: 'sluice', engine: 'node', pipelining: 1, name: 'sluice', extras: { upstream: UPSTREAM } },
    peerPlan('haproxy-failing'),
  ];
  const done = await alternate(plans, setting.options.rounds, (plan) =>
    beforeThree(setting, plan, (subject, origins) => measure(subject, origins, how)),
  );
  return {
    id: how === 'failing' ? 'failing-500' : `failing-${how}`,
    title: `One of three endpoints: ${how}`,
    how:
      `${RATE_PER_SEC} requests a second in an open loop, two workers, three origins in processes of their own. After ${HEALTHY_MS / 1000} s one of them is killed (kill), stopped by SIGSTOP (freeze), ` +
      `answers after 2 s (slow), with 500 (failing), or with what is no HTTP (garbage); ${FAILED_MS / 1000} s later it is well again. Errors: of all requests from then on, everything but 200. Settled: from ${GIVEN_MS / 1000} s ` +
      `after the event on; \`settled after\`: the first window of ${WINDOW_MS} ms from which all have a p99 of at most ${ALLOWED} times the healthy one. Mended: requests of the busiest origin by the mean, ` +
      `over the last ${MENDED_MS / 1000} s.`,
    metrics: METRICS,
    measured: done.measured,
    skipped: done.skipped,
    pairs: pairsOf(done.measured),
  };
}
