import { alternate, pairsOf, type Round, type Section } from './section.ts';
import { ALL_CPUS, LOAD_CPU, pinnedPlace, type Setting } from './setting.ts';
import { peerPlan, type SubjectPlan, sluicePlan, startSubjects, stopSubjects } from './subjects.ts';
import { measureWithWrk, type WrkPlan, type WrkRound } from './wrk.ts';

export type RelayKind = 'relay100' | 'relay64k' | 'upload1m';

type Shape = { readonly title: string; readonly path: string; readonly bodyBytes: number; readonly connections: number };

const PIPELINING = 16;

const SHAPES: Readonly<Record<RelayKind, Shape>> = {
  relay100: { title: 'Relay, 100-byte answers, 64 connections', path: '/', bodyBytes: 0, connections: 64 },
  relay64k: { title: 'Relay, 64 KiB answers, 64 connections', path: '/files/64k', bodyBytes: 0, connections: 64 },
  upload1m: { title: 'Uploads of 1 MiB, 16 connections', path: '/upload', bodyBytes: 2 ** 20, connections: 16 },
};

const METRICS = [
  { name: 'CPU µs/req', hasRatio: true },
  { name: 'req/s', hasRatio: true },
  { name: 'p50 µs', hasRatio: false },
  { name: 'p99 µs', hasRatio: true },
  { name: 'cores busy', hasRatio: false },
  { name: 'errors', hasRatio: false },
];

export function roundOf(result: WrkRound): Round {
  return {
    'CPU µs/req': result.cpuUsPerRequest,
    'req/s': result.requestsPerSec,
    'p50 µs': result.p50Us,
    'p99 µs': result.p99Us,
    'cores busy': result.busyCores,
    errors: result.errors,
  };
}

export function plansOf(setting: Setting, withPipelining: boolean): SubjectPlan[] {
  const { engines, peers } = setting.options;
  const ours = engines.flatMap((engine) =>
    withPipelining ? [sluicePlan(engine, 1), sluicePlan(engine, PIPELINING)] : [sluicePlan(engine, 1)],
  );
  return [...peers.map(peerPlan), ...ours];
}

export async function measureRelay(kind: RelayKind, setting: Setting): Promise<Section> {
  const { title, path, bodyBytes, connections } = SHAPES[kind];
  const originPort = kind === 'upload1m' ? setting.uploadOriginPort : setting.originPort;
  const { subjects, skipped } = await startSubjects(plansOf(setting, kind === 'relay100'), { ...pinnedPlace(setting), originPort });
  const plan: WrkPlan = { path, bodyBytes, connections, durationSec: setting.options.seconds, cpus: LOAD_CPU };
  // Just-in-time compilers need a moment; the others get the same.
  for (const subject of subjects) await measureWithWrk(subject, { ...plan, durationSec: Math.min(2, plan.durationSec) });
  const done = await alternate(subjects, setting.options.rounds, async (subject) => roundOf(await measureWithWrk(subject, plan)));
  await stopSubjects(subjects);
  const how = 'wrk, closed loop, one worker on CPU 0; CPU time of all processes of the proxy, from /proc.';
  return {
    id: kind,
    title,
    how,
    metrics: METRICS,
    measured: done.measured,
    skipped: [...skipped, ...done.skipped],
    pairs: pairsOf(done.measured),
  };
}

const SCALING_METRICS = [
  { name: 'CPU µs/req', hasRatio: true },
  { name: 'req/s', hasRatio: true },
  { name: 'cores busy', hasRatio: false },
  { name: 'errors', hasRatio: false },
];

/** One worker against two, nothing pinned: with free cores the throughput should double, without them CPU a request should stay. */
export async function measureScaling(setting: Setting): Promise<Section> {
  const place = { ...pinnedPlace(setting), cpus: ALL_CPUS };
  const plans = [peerPlan('nginx'), peerPlan('haproxy'), ...setting.options.engines.map((engine) => sluicePlan(engine, 1))];
  const one = await startSubjects(plans, { ...place, workers: 1 });
  const two = await startSubjects(plans, { ...place, workers: 2 });
  const named = [...one.subjects, ...two.subjects].map((subject) => ({ ...subject, name: `${subject.name} ${subject.workers}w` }));
  const plan: WrkPlan = { path: '/', bodyBytes: 0, connections: 128, durationSec: setting.options.seconds, cpus: ALL_CPUS };
  for (const subject of named) await measureWithWrk(subject, { ...plan, durationSec: 1 });
  const { measured, skipped } = await alternate(named, setting.options.rounds, async (subject) => {
    const { p50Us: _, ...rest } = await measureWithWrk(subject, plan);
    return { 'CPU µs/req': rest.cpuUsPerRequest, 'req/s': rest.requestsPerSec, 'cores busy': rest.busyCores, errors: rest.errors };
  });
  await stopSubjects([...one.subjects, ...two.subjects]);
  const pairs = one.subjects.map((subject) => [`${subject.name} 2w`, `${subject.name} 1w`] as const);
  const title = 'Two workers against one, 128 connections';
  const how = 'Nothing pinned; load and origin run on the same cores, so on a small machine read the CPU column.';
  return { id: 'workers', title, how, metrics: SCALING_METRICS, measured, skipped: [...one.skipped, ...two.skipped, ...skipped], pairs };
}
