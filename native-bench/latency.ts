import os from 'node:os';
import { readGcLog } from '../scripts/bench/gc-log.ts';
import { pacingHere, requestHead, runConstantRate } from '../scripts/bench/rate.ts';
import type { RateResult } from '../scripts/bench/rate-plan.ts';
import type { Subject } from '../scripts/bench/subject.ts';
import { plansOf } from './relay.ts';
import { alternate, pairsOf, type Section } from './section.ts';
import { LOAD_CPU, pinnedPlace, type Setting } from './setting.ts';
import { gcLogOf, startSubjects, stopSubjects } from './subjects.ts';
import { measureWithWrk, type WrkPlan } from './wrk.ts';

const CONNECTIONS = 64;
const LOAD = 0.6;
const WARMUP_MS = 1000;

const METRICS = [
  { name: 'rate', hasRatio: false },
  { name: 'achieved', hasRatio: false },
  { name: 'p50 µs', hasRatio: true },
  { name: 'p99 µs', hasRatio: true },
  { name: 'p99.9 µs', hasRatio: true },
  { name: 'max µs', hasRatio: false },
  { name: 'lag p99 µs', hasRatio: false },
  { name: 'longest GC ms', hasRatio: false },
  { name: 'GCs', hasRatio: false },
  { name: 'errors', hasRatio: false },
];

type Target = { readonly name: string; readonly port: number; readonly ratePerSec: number };

/**
 * On two cores the generator and the origin share one, and give out before a proxy at 60 % does: what is measured then is their
 * backlog. There every subject gets one rate, which they carry easily: this share of the slowest subject's saturation.
 */
const SHARED_CORE_LOAD = 0.3;

function isCoreShared(): boolean {
  return os.availableParallelism() < 3;
}

/** Saturation of each by itself: the best of three short closed-loop runs. */
async function findRates(subjects: readonly Subject[], setting: Setting): Promise<Target[]> {
  const plan: WrkPlan = {
    path: '/',
    bodyBytes: 0,
    connections: CONNECTIONS,
    durationSec: Math.min(3, setting.options.seconds),
    cpus: LOAD_CPU,
  };
  const targets: Target[] = [];
  for (const subject of subjects) {
    let best = 0;
    for (let i = 0; i < 3; i += 1) best = Math.max(best, (await measureWithWrk(subject, plan)).requestsPerSec);
    targets.push({ name: subject.name, port: subject.port, ratePerSec: Math.round(best * LOAD) });
  }
  if (!isCoreShared()) return targets;
  const common = Math.round((Math.min(...targets.map(({ ratePerSec }) => ratePerSec)) / LOAD) * SHARED_CORE_LOAD);
  return targets.map((target) => ({ ...target, ratePerSec: common }));
}

function drive(target: Target, setting: Setting): Promise<RateResult> {
  return runConstantRate({
    host: '127.0.0.1',
    port: target.port,
    head: requestHead('GET', '/', 0),
    bodyBytes: 0,
    ratePerSec: target.ratePerSec,
    connections: CONNECTIONS,
    warmupMs: WARMUP_MS,
    durationMs: setting.options.seconds * 1000,
    pacing: pacingHere(),
  });
}

export async function measureLatency(setting: Setting): Promise<Section> {
  const { subjects, skipped } = await startSubjects(plansOf(setting, false), { ...pinnedPlace(setting), hasGcProbe: true });
  const targets = await findRates(subjects, setting);
  // The origin without a proxy, at the pace of the first: what of every figure is the generator's and the origin's.
  const direct = { name: 'direct', port: setting.originPort, ratePerSec: targets[0]?.ratePerSec ?? 10_000 };
  const { measured, skipped: failed } = await alternate([direct, ...targets], setting.options.rounds, async (target) => {
    const fromMs = Date.now();
    const result = await drive(target, setting);
    const gc = target.name.startsWith('sluice') ? await readGcLog(gcLogOf(setting.folder, target.name), fromMs, Date.now()) : undefined;
    return {
      rate: result.ratePerSec,
      achieved: Math.round(result.achievedPerSec),
      'p50 µs': result.latency.p50Us,
      'p99 µs': result.latency.p99Us,
      'p99.9 µs': result.latency.p999Us,
      'max µs': result.latency.maxUs,
      'lag p99 µs': result.lag.p99Us,
      'longest GC ms': gc?.maxPauseMs ?? 0,
      GCs: gc?.collections ?? 0,
      errors: result.errors,
    };
  });
  await stopSubjects(subjects);
  const title = isCoreShared()
    ? 'Latency at one rate for all (30 % of the slowest one’s saturation: two cores), constant rate'
    : 'Latency at 60 % of its own saturation, constant rate';
  const how =
    'Own open-loop generator, latency from the intended send time; `lag` is how late the generator itself was, `direct` the origin ' +
    'without a proxy; `achieved` below `rate` means that the latency is a backlog. Garbage collections of Sluice by a probe that Node loads beside it.';
  return { id: 'latency', title, how, metrics: METRICS, measured, skipped: [...skipped, ...failed], pairs: pairsOf(measured) };
}
