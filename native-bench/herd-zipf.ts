import { randomBytes } from 'node:crypto';
import type { Subject } from '../scripts/bench/subject.ts';
import { readOrigin, withHerdBench } from './herd-setting.ts';
import { alternate, type Metric, pairsOf, type Round, type Section } from './section.ts';
import type { Setting } from './setting.ts';
import { loadByZipf } from './zipf-load.ts';

const KEYS = 1000;
const REQUESTS_PER_KEY = 100;
const FULL_SEC = 30;
const CONNECTIONS = 500;
const MAX_ROUNDS = 5;
/** Seconds of load for each of `--seconds`, up to the full length. */
const STRETCH = 6;

const METRICS: readonly Metric[] = [
  { name: 'origin requests', hasRatio: true },
  { name: 'origin/expiry', hasRatio: false },
  { name: 'p50 ms', hasRatio: false },
  { name: 'p90 ms', hasRatio: false },
  { name: 'p99 ms', hasRatio: true },
  { name: 'max ms', hasRatio: false },
  { name: 'errors', hasRatio: false },
];

/** `second`: objects are fresh for a second, and nobody is served what is older. `second-stale`: that may be served while it is refreshed. */
type Target = { readonly name: string; readonly subject: Subject; readonly kind: 'second' | 'second-stale' };

async function measureOne({ subject, kind }: Target, seconds: number, originPort: number): Promise<Round> {
  await readOrigin(originPort);
  const { latenciesMs, errors } = await loadByZipf({
    port: subject.port,
    prefix: `/c/${kind}/${randomBytes(4).toString('hex')}-`,
    keys: KEYS,
    requests: Math.round((KEYS * REQUESTS_PER_KEY * seconds) / FULL_SEC),
    durationMs: seconds * 1000,
    connections: CONNECTIONS,
    seed: 1,
  });
  const { requests, expiries } = await readOrigin(originPort);
  const at = (share: number): number => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(share * latenciesMs.length))] ?? Number.NaN;
  return {
    'origin requests': requests,
    'origin/expiry': requests / expiries,
    'p50 ms': at(0.5),
    'p90 ms': at(0.9),
    'p99 ms': at(0.99),
    'max ms': at(1),
    errors,
  };
}

/** Many keys that expire every second, asked for as often as things are asked for. */
export async function measureHerdZipf(setting: Setting): Promise<Section> {
  const { options } = setting;
  const seconds = Math.min(FULL_SEC, options.seconds * STRETCH);
  const { result: done, skipped } = await withHerdBench(setting, async ({ subjects, originPort }) => {
    const targets = subjects.flatMap((subject): Target[] => [
      { name: subject.name, subject, kind: 'second' },
      { name: `${subject.name}, stale allowed`, subject, kind: 'second-stale' },
    ]);
    for (const target of targets) await measureOne(target, 2, originPort).catch(() => {});
    return alternate(targets, Math.min(MAX_ROUNDS, options.rounds), (target) => measureOne(target, seconds, originPort));
  });
  const isStale = ({ subject }: { readonly subject: string }): boolean => subject.endsWith('stale allowed');
  return {
    id: 'herd-zipf',
    title: `${KEYS} keys that expire every second, ${Math.round((KEYS * REQUESTS_PER_KEY) / FULL_SEC)} requests a second by Zipf's law, ${seconds} s`,
    how:
      `Requests come by Poisson over ${CONNECTIONS} connections; latency counts from when each was due; the origin takes 50 ms and counts: \`origin/expiry\`: its requests over the times that a key had expired ` +
      '(1: never two for one). `stale allowed`: `stale-while-revalidate=10`. Two workers; load on CPU 1, the rest unpinned.',
    metrics: METRICS,
    measured: done.measured,
    skipped: [...skipped, ...done.skipped],
    pairs: [...pairsOf(done.measured.filter((one) => !isStale(one))), ...pairsOf(done.measured.filter(isStale))],
  };
}
