import { FailingOrigins } from './failing-origins.ts';
import type { FailingMode } from './failing-origin.ts';
import { openLoad, percentile } from './open-load.ts';
import { alternate, pairsOf, type Section } from './section.ts';
import { ALL_CPUS, pinnedPlace, type Setting } from './setting.ts';
import { type SubjectPlan, startSubjects, stopSubjects } from './subjects.ts';

/** Every request is mirrored to a shadow that is dead, slow or hostile: the live ones must not notice. */

const RATE_PER_SEC = 400;
const MEASURE_MS = 5000;
const METRICS = ['p50 ms', 'p99 ms', 'errors', 'lag p99 ms'].map((name) => ({ name, hasRatio: false }));

function plan(name: string, shadowPort: number): SubjectPlan {
  const upstream = `extraLoad: 100%\n  shadow: { endpoints: ["http://127.0.0.1:${shadowPort}"] }`;
  const mirrored = `{ name: mirrored, match: "/*", priority: 1, upstream: origin, mirror: { upstream: shadow, sample: 100% } }`;
  return { kind: 'sluice', engine: 'node', pipelining: 1, name, extras: { upstream, routes: [mirrored] } };
}

export async function measureShadow(setting: Setting): Promise<Section> {
  const modes: readonly FailingMode[] = ['slow', 'garbage'];
  const shadows = await FailingOrigins.open(modes.length);
  for (const [at, mode] of modes.entries()) shadows.all[at]?.take(mode);
  const [slow = 0, garbage = 0] = shadows.ports;
  const alone: SubjectPlan = { kind: 'sluice', engine: 'node', pipelining: 1, name: 'sluice' };
  // Nobody listens on port 1.
  const plans = [alone, plan('sluice-dead-shadow', 1), plan('sluice-slow-shadow', slow), plan('sluice-hostile-shadow', garbage)];
  const { subjects, skipped } = await startSubjects(plans, { ...pinnedPlace(setting), cpus: ALL_CPUS });
  const done = await alternate(subjects, setting.options.rounds, async ({ port }) => {
    await openLoad({ port, ratePerSec: RATE_PER_SEC, durationMs: 500 });
    const load = await openLoad({ port, ratePerSec: RATE_PER_SEC, durationMs: MEASURE_MS });
    return {
      'p50 ms': percentile(load.timesMs, 0.5),
      'p99 ms': percentile(load.timesMs, 0.99),
      errors: load.shed + load.broken,
      'lag p99 ms': percentile(load.lagsMs, 0.99),
    };
  });
  await stopSubjects(subjects);
  await shadows.close();
  return {
    id: 'shadow',
    title: 'A shadow that is dead, slow or hostile',
    how:
      `${RATE_PER_SEC} requests a second in an open loop, each mirrored (as far as the allowance of extra load goes) to a port where nobody listens, to an origin that answers after 2 s, and to one that talks no HTTP; ` +
      'beside a Sluice without a mirror. Latencies are those of the live answers.',
    metrics: METRICS,
    measured: done.measured,
    skipped: [...skipped, ...done.skipped],
    pairs: pairsOf(done.measured),
  };
}
