import { randomBytes } from 'node:crypto';
import type { Subject } from '../scripts/bench/subject.ts';
import { CACHE_MEMORY, CACHE_METRICS, measureCounted } from './cache.ts';
import { alternate, type Measured, type Round, type Section } from './section.ts';
import { LOAD_CPU, pinnedPlace, type Setting } from './setting.ts';
import { type SubjectPlan, startSubjects, stopSubjects } from './subjects.ts';
import type { UrlChoice, WrkPlan } from './wrk.ts';

const CONNECTIONS = 64;
const CPU = 'CPU µs/req';

/** Below `/n/` as below `/c/`, but everybody goes to the origin by himself. */
const UNCOLLAPSED = '{ name: uncollapsed, match: { path: "/n/*" }, upstream: origin, cache: true, collapse: false }';

type Target = { readonly name: string; readonly subject: Subject; readonly route: '/c/100' | '/n/100'; readonly kind: 'miss' | 'hit' };

function targetsOf(subjects: readonly Subject[]): Target[] {
  return subjects.flatMap((subject) =>
    (['miss', 'hit'] as const).flatMap((kind): Target[] => [
      { name: `${subject.name}, ${kind}`, subject, kind, route: '/c/100' },
      { name: `${subject.name}, ${kind}, collapse off`, subject, kind, route: '/n/100' },
    ]),
  );
}

function measureOne({ subject, route, kind }: Target, durationSec: number, originPort: number): Promise<Round> {
  const urls: UrlChoice = { kind: 'unique', mark: randomBytes(4).toString('hex') };
  const target = kind === 'miss' ? { path: `${route}/`, urls } : { path: route };
  const plan: WrkPlan = { ...target, bodyBytes: 0, connections: CONNECTIONS, durationSec, cpus: LOAD_CPU };
  return measureCounted(subject, plan, originPort);
}

/** Round by round, what collapsed forwarding adds. */
function differences(measured: readonly Measured[]): Measured[] {
  return measured.flatMap(({ subject, rounds }): Measured[] => {
    const off = measured.find((other) => other.subject === `${subject}, collapse off`);
    if (off === undefined) return [];
    const added = rounds.map((round, at) => ({ [CPU]: (round[CPU] ?? Number.NaN) - (off.rounds[at]?.[CPU] ?? Number.NaN) }));
    return [{ subject: `${subject}, difference`, rounds: added }];
  });
}

/** What a route pays for collapsed forwarding where nobody has to wait for anybody: a stored miss, and a hit. */
export async function measureLoneMiss(setting: Setting): Promise<Section> {
  const plans = setting.options.engines.map((engine): SubjectPlan => {
    const extras = { cacheMemory: CACHE_MEMORY, routes: [UNCOLLAPSED] };
    return { kind: 'sluice', engine, pipelining: 1, name: `sluice-${engine}`, extras };
  });
  const { subjects, skipped } = await startSubjects(plans, pinnedPlace(setting));
  const targets = targetsOf(subjects);
  for (const target of targets) await measureOne(target, Math.min(2, setting.options.seconds), setting.originPort);
  const done = await alternate(targets, setting.options.rounds, (target) =>
    measureOne(target, setting.options.seconds, setting.originPort),
  );
  await stopSubjects(subjects);
  return {
    id: 'lone-miss',
    title: `What collapsed forwarding costs where nobody waits: 100 bytes, ${CONNECTIONS} connections`,
    how: 'wrk, one worker on CPU 0; `miss`: every request another URL, each answer stored; `hit`: one URL. `collapse off`: a route in the same process with `collapse: false`.',
    metrics: CACHE_METRICS,
    measured: [...done.measured, ...differences(done.measured)],
    skipped: [...skipped, ...done.skipped],
    pairs: targets.filter(({ route }) => route === '/c/100').map(({ name }) => [name, `${name}, collapse off`] as const),
  };
}
