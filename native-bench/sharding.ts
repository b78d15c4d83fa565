import { median } from '../scripts/bench/statistics.ts';
import type { Subject } from '../scripts/bench/subject.ts';
import { busiestShares } from './connection-spread.ts';
import { alternate, type Round, type Section } from './section.ts';
import { ALL_CPUS, pinnedPlace, type Setting } from './setting.ts';
import { type Engine, startSubjects, type SubjectPlan, stopSubjects } from './subjects.ts';
import { measureWithWrk, type WrkPlan } from './wrk.ts';

const WORKERS = 2;
const CONNECTIONS = 64;
const FEW = 8;
const SPREADS = 15;

const METRICS = [
  { name: 'keep-alive CPU µs/req', hasRatio: true },
  { name: 'keep-alive req/s', hasRatio: true },
  { name: 'keep-alive p99 µs', hasRatio: true },
  { name: 'one-request CPU µs/req', hasRatio: true },
  { name: 'one-request req/s', hasRatio: true },
  { name: 'one-request p99 µs', hasRatio: true },
  { name: 'busiest of 64', hasRatio: false },
  { name: 'busiest of 8', hasRatio: false },
  { name: 'errors', hasRatio: false },
];

function plan(engine: Engine, sharding: 'reuseport' | 'acceptor'): SubjectPlan {
  return { kind: 'sluice', engine, pipelining: 1, name: `sluice-${engine}-${sharding}`, extras: { sharding, hasWho: true } };
}

async function measure(subject: Subject, keepAlive: WrkPlan): Promise<Round> {
  const kept = await measureWithWrk(subject, keepAlive);
  const single = await measureWithWrk(subject, { ...keepAlive, fields: ['Connection: close'] });
  return {
    'keep-alive CPU µs/req': kept.cpuUsPerRequest,
    'keep-alive req/s': kept.requestsPerSec,
    'keep-alive p99 µs': kept.p99Us,
    'one-request CPU µs/req': single.cpuUsPerRequest,
    'one-request req/s': single.requestsPerSec,
    'one-request p99 µs': single.p99Us,
    'busiest of 64': median(await busiestShares(subject.port, CONNECTIONS, SPREADS)),
    'busiest of 8': median(await busiestShares(subject.port, FEW, SPREADS)),
    errors: kept.errors + single.errors,
  };
}

/** How connections come to two workers: the kernel's hash over two listening sockets, or a thread that deals them out. */
export async function measureSharding(setting: Setting): Promise<Section> {
  const plans = [plan('uws', 'reuseport'), plan('uws', 'acceptor'), plan('node', 'reuseport')];
  const { subjects, skipped } = await startSubjects(plans, { ...pinnedPlace(setting), workers: WORKERS, cpus: ALL_CPUS });
  const wrk: WrkPlan = { path: '/', bodyBytes: 0, connections: CONNECTIONS, durationSec: setting.options.seconds, cpus: ALL_CPUS };
  for (const subject of subjects) await measureWithWrk(subject, { ...wrk, durationSec: 1 });
  const done = await alternate(subjects, setting.options.rounds, (subject) => measure(subject, wrk));
  await stopSubjects(subjects);
  return {
    id: 'sharding',
    title: 'Two workers: SO_REUSEPORT against an acceptor thread, 64 connections',
    how:
      'Nothing pinned, the acceptor thread counts. `one-request`: every request on a new connection. `busiest of N`: the share of N ' +
      `connections that the busier worker got (0.5 is even), median of ${SPREADS} lots.`,
    metrics: METRICS,
    measured: done.measured,
    skipped: [...skipped, ...done.skipped],
    pairs: [['sluice-uws-acceptor', 'sluice-uws-reuseport']],
  };
}
