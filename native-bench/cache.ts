import { randomBytes } from 'node:crypto';
import type { Subject } from '../scripts/bench/subject.ts';
import { CACHE_PEERS, originRequests } from './peers.ts';
import { alternate, pairsOf, type Round, type Section } from './section.ts';
import { LOAD_CPU, pinnedPlace, type Setting } from './setting.ts';
import { peerPlan, type SubjectPlan, startSubjects, stopSubjects } from './subjects.ts';
import { measureWithWrk, type UrlChoice, type WrkPlan } from './wrk.ts';

export type HitKind = 'hit100' | 'hit10k' | 'hit100-many';

type HitShape = { readonly title: string; readonly path: string; readonly urls?: UrlChoice };

const CONNECTIONS = 64;
export const CACHE_MEMORY = '256MiB';

const HITS: Readonly<Record<HitKind, HitShape>> = {
  hit100: { title: 'Cache hits, 100 bytes, one URL', path: '/c/100' },
  hit10k: { title: 'Cache hits, 10 KiB, one URL', path: '/c/10k' },
  'hit100-many': { title: 'Cache hits, 100 bytes, 1000 URLs in turn', path: '/c/100/', urls: { kind: 'inTurn', count: 1000 } },
};

export const CACHE_METRICS = [
  { name: 'CPU µs/req', hasRatio: true },
  { name: 'req/s', hasRatio: true },
  { name: 'p50 µs', hasRatio: false },
  { name: 'p99 µs', hasRatio: true },
  { name: 'cores busy', hasRatio: false },
  { name: 'origin/req', hasRatio: false },
  { name: 'errors', hasRatio: false },
];

function cachePlans(setting: Setting): SubjectPlan[] {
  const ours = setting.options.engines.map(
    (engine): SubjectPlan => ({ kind: 'sluice', engine, pipelining: 1, name: `sluice-${engine}`, extras: { cacheMemory: CACHE_MEMORY } }),
  );
  return [...CACHE_PEERS.map(peerPlan), ...ours];
}

/** One round, with the share of the requests that the origin saw: a hit that is none is a different measurement. */
export async function measureCounted(subject: Subject, plan: WrkPlan, originPort: number): Promise<Round> {
  const before = await originRequests(originPort);
  const result = await measureWithWrk(subject, plan);
  const asked = (await originRequests(originPort)) - before - 1;
  return {
    'CPU µs/req': result.cpuUsPerRequest,
    'req/s': result.requestsPerSec,
    'p50 µs': result.p50Us,
    'p99 µs': result.p99Us,
    'cores busy': result.busyCores,
    'origin/req': asked / result.requests,
    errors: result.errors,
  };
}

async function measureHits(subject: Subject, plan: WrkPlan, originPort: number): Promise<Round> {
  const round = await measureCounted(subject, plan, originPort);
  const share = round['origin/req'] ?? 1;
  if (share > 0.001) throw new Error(`these are no hits: the origin saw ${(100 * share).toFixed(1)} % of the requests`);
  return round;
}

/** Stores what is asked for and gives just-in-time compilers their moment: until a whole run stays away from the origin, or five have not. */
async function warm(subject: Subject, plan: WrkPlan, originPort: number): Promise<void> {
  for (let run = 0; run < 5; run += 1) {
    const round = await measureCounted(subject, { ...plan, durationSec: Math.min(2, plan.durationSec) }, originPort);
    if (round['origin/req'] === 0 && run > 0) return;
  }
}

export async function measureHit(kind: HitKind, setting: Setting): Promise<Section> {
  const { title, ...target } = HITS[kind];
  const { subjects, skipped } = await startSubjects(cachePlans(setting), pinnedPlace(setting));
  const plan: WrkPlan = { ...target, bodyBytes: 0, connections: CONNECTIONS, durationSec: setting.options.seconds, cpus: LOAD_CPU };
  for (const subject of subjects) await warm(subject, plan, setting.originPort);
  const done = await alternate(subjects, setting.options.rounds, (subject) => measureHits(subject, plan, setting.originPort));
  await stopSubjects(subjects);
  return {
    id: kind,
    title: `${title}, ${CONNECTIONS} connections`,
    how:
      'wrk, closed loop, one worker on CPU 0; CPU time of all processes of the proxy, from /proc. `origin/req`: requests that reached the ' +
      'origin for each one answered; a subject whose answers are no hits is left out.',
    metrics: CACHE_METRICS,
    measured: done.measured,
    skipped: [...skipped, ...done.skipped],
    pairs: pairsOf(done.measured),
  };
}

type MissTarget = { readonly name: string; readonly subject: Subject; readonly path: string };

/** Each subject twice, in one process: below `/c/` every answer is stored, below `/p/` the same passes through. */
function missTargets(subjects: readonly Subject[]): MissTarget[] {
  return subjects.flatMap((subject) => [
    { name: subject.name, subject, path: '/c/100/' },
    { name: `${subject.name} pass`, subject, path: '/p/100/' },
  ]);
}

/** Every request another URL: what it costs to store an answer beside relaying it. */
export async function measureMissStored(setting: Setting): Promise<Section> {
  const { subjects, skipped } = await startSubjects(cachePlans(setting), pinnedPlace(setting));
  const measureOne = ({ subject, path }: MissTarget, durationSec: number): Promise<Round> => {
    const urls: UrlChoice = { kind: 'unique', mark: randomBytes(4).toString('hex') };
    const plan: WrkPlan = { path, urls, bodyBytes: 0, connections: CONNECTIONS, durationSec, cpus: LOAD_CPU };
    return measureCounted(subject, plan, setting.originPort);
  };
  const targets = missTargets(subjects);
  for (const target of targets) await measureOne(target, Math.min(2, setting.options.seconds));
  const done = await alternate(targets, setting.options.rounds, (target) => measureOne(target, setting.options.seconds));
  await stopSubjects(subjects);
  const storing = done.measured.filter(({ subject }) => !subject.endsWith(' pass'));
  const passing = subjects.map(({ name }) => [name, `${name} pass`] as const);
  return {
    id: 'miss-stored',
    title: `Cold misses that are stored, 100 bytes, ${CONNECTIONS} connections`,
    how:
      'wrk, every request another URL; one worker on CPU 0. `pass`: the same process on a route without a cache. Stores of 256 MiB, so in the ' +
      'later rounds every new object puts an old one out.',
    metrics: CACHE_METRICS,
    measured: done.measured,
    skipped: [...skipped, ...done.skipped],
    pairs: [...passing, ...pairsOf(storing)],
  };
}
