import type { Subject } from '../scripts/bench/subject.ts';
import { CACHE_METRICS, measureCounted } from './cache.ts';
import type { PeerName } from './peers.ts';
import { alternate, type Measured, type Round, type Section } from './section.ts';
import { LOAD_CPU, pinnedPlace, type Setting } from './setting.ts';
import { peerPlan, type SubjectPlan, startSubjects, stopSubjects } from './subjects.ts';
import type { WrkPlan } from './wrk.ts';

const CONNECTIONS = 64;
const CPU = 'CPU µs/req';
const PEERS: readonly PeerName[] = ['nginx-limited', 'haproxy-limited'];
/** So much that nobody is refused; what is measured is the asking. */
const LIMITED = '{ name: limited, match: { path: "/l/*" }, upstream: origin, limits: [{ name: rate, key: ip, rate: 1000000000/1h }] }';
const SILENT = `{ name: silent, match: { path: "/s/*" }, upstream: origin, limitFields: none, limits: [{ name: rate, key: ip, rate: 1000000000/1h }] }`;

type Target = { readonly name: string; readonly subject: Subject; readonly path: string };

function targetsOf(subjects: readonly Subject[]): Target[] {
  return subjects.flatMap((subject): Target[] => {
    const plain = { name: `${subject.name}, no limit`, subject, path: '/p/100' };
    const limited = { name: subject.name, subject, path: '/l/100' };
    // The peers tell their clients nothing of limits.
    return subject.name.startsWith('sluice')
      ? [limited, { name: `${subject.name}, no fields`, subject, path: '/s/100' }, plain]
      : [limited, plain];
  });
}

/** Round by round, what a limit adds. */
function differences(measured: readonly Measured[]): Measured[] {
  return measured.flatMap(({ subject, rounds }): Measured[] => {
    const plain = measured.find((other) => other.subject === `${subject.replace(', no fields', '')}, no limit`);
    if (plain === undefined || plain.subject === subject) return [];
    const added = rounds.map((round, at) => ({ [CPU]: (round[CPU] ?? Number.NaN) - (plain.rounds[at]?.[CPU] ?? Number.NaN) }));
    return [{ subject: `${subject}, difference`, rounds: added }];
  });
}

/** What a rate limit by address costs a relayed request that keeps to it. */
export async function measureLimited(setting: Setting): Promise<Section> {
  const ours = setting.options.engines.map((engine): SubjectPlan => {
    return { kind: 'sluice', engine, pipelining: 1, name: `sluice-${engine}`, extras: { routes: [LIMITED, SILENT] } };
  });
  const { subjects, skipped } = await startSubjects([...PEERS.map(peerPlan), ...ours], pinnedPlace(setting));
  const targets = targetsOf(subjects);
  const measureOne = ({ subject, path }: Target, durationSec: number): Promise<Round> => {
    const plan: WrkPlan = { path, bodyBytes: 0, connections: CONNECTIONS, durationSec, cpus: LOAD_CPU };
    return measureCounted(subject, plan, setting.originPort);
  };
  for (const target of targets) await measureOne(target, Math.min(2, setting.options.seconds));
  const done = await alternate(targets, setting.options.rounds, (target) => measureOne(target, setting.options.seconds));
  await stopSubjects(subjects);
  return {
    id: 'limited',
    title: `What a rate limit by client address costs, 100 bytes, ${CONNECTIONS} connections`,
    how:
      'wrk, one worker on CPU 0; the same process with a limit that nobody reaches and without. nginx: `limit_req`; HAProxy: a stick table that tracks the ' +
      'source and is asked. Sluice adds RateLimit fields to each answer, the peers none; `no fields`: Sluice without them.',
    metrics: CACHE_METRICS,
    measured: [...done.measured, ...differences(done.measured)],
    skipped: [...skipped, ...done.skipped],
    pairs: targets.filter(({ path }) => path !== '/p/100').map(({ name, subject }) => [name, `${subject.name}, no limit`] as const),
  };
}
