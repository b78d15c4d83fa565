import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Subject } from '../scripts/bench/subject.ts';
import { CACHE_MEMORY } from './cache.ts';
import { openPlaced } from './connection-spread.ts';
import { requestEach } from './path-load.ts';
import { originRequests } from './peers.ts';
import { alternate, type Measured, type Metric, reasonOf, type Round, type Section, type Skipped } from './section.ts';
import { LOAD_CPU, PROXY_CPU, pinnedPlace, type Setting } from './setting.ts';
import { type Engine, startSubjects, stopSubjects } from './subjects.ts';
import { busiestThread, pinThread, threadCpuUs } from './worker-threads.ts';

const WORKERS = 2;
const CONNECTIONS_EACH = 16;
const MAX_OPENED = 400;
const OBJECTS = 4000;
const LATER_PASSES = 5;
const WARM_PASSES = 4;

const METRICS: readonly Metric[] = [
  { name: 'first hit CPU µs', hasRatio: false },
  { name: 'later hits CPU µs', hasRatio: false },
];

/** Connections to the worker that is measured, and to the one that stores for it. */
type Bench = {
  readonly measured: readonly Socket[];
  readonly storing: readonly Socket[];
  readonly pid: number;
  readonly thread: string;
  readonly originPort: number;
};

/** The kernel's hash chooses the worker of a connection: open until both have enough, and close what is too many. */
async function openOnBoth(port: number): Promise<[Socket[], Socket[]]> {
  const byWorker = new Map<string, Socket[]>();
  for (let opened = 0; opened < MAX_OPENED; opened += 1) {
    const { socket, worker } = await openPlaced(port);
    const known = byWorker.get(worker) ?? [];
    byWorker.set(worker, known);
    if (known.length < CONNECTIONS_EACH) known.push(socket);
    else socket.destroy();
    const [one, two] = [...byWorker.values()];
    if (one?.length === CONNECTIONS_EACH && two?.length === CONNECTIONS_EACH) return [one, two];
  }
  throw new Error(`${MAX_OPENED} connections did not reach two workers`);
}

function freshPaths(): string[] {
  const mark = randomBytes(4).toString('hex');
  return Array.from({ length: OBJECTS }, (_, at) => `/c/100/${mark}-${at}`);
}

async function prepare(subject: Subject, originPort: number): Promise<Bench> {
  const [measured, storing] = await openOnBoth(subject.port);
  const paths = freshPaths();
  await requestEach(storing, paths);
  const place = await busiestThread(subject, () => requestEach(measured, paths));
  // Worker, store and load apart: what the other worker wrote is in the cache of the other core.
  pinThread(place, PROXY_CPU, LOAD_CPU);
  for (let pass = 0; pass < WARM_PASSES; pass += 1) await requestEach(measured, paths);
  return { measured, storing, ...place, originPort };
}

async function cpuUsPerHit(bench: Bench, paths: readonly string[], passes: number): Promise<number> {
  const before = threadCpuUs(bench.pid, bench.thread);
  for (let pass = 0; pass < passes; pass += 1) await requestEach(bench.measured, paths);
  return (threadCpuUs(bench.pid, bench.thread) - before) / (passes * paths.length);
}

type StoredBy = { readonly name: string; readonly by: 'measured' | 'storing' };

async function measureOne(bench: Bench, { by }: StoredBy): Promise<Round> {
  const paths = freshPaths();
  await requestEach(bench[by], paths);
  const asked = await originRequests(bench.originPort);
  const round = {
    'first hit CPU µs': await cpuUsPerHit(bench, paths, 1),
    'later hits CPU µs': await cpuUsPerHit(bench, paths, LATER_PASSES),
  };
  const missed = (await originRequests(bench.originPort)) - asked - 1;
  if (missed > OBJECTS / 1000) throw new Error(`these are no hits: the origin saw ${missed} requests`);
  return round;
}

/** Round by round, what an object of the other worker costs more than one's own. */
function differenceOf(name: string, [own, other]: readonly Measured[]): Measured[] {
  if (own === undefined || other === undefined) return [];
  const rounds = own.rounds.map((round, at) =>
    Object.fromEntries(METRICS.map((metric) => [metric.name, (other.rounds[at]?.[metric.name] ?? Number.NaN) - (round[metric.name] ?? 0)])),
  );
  return [{ subject: name, rounds }];
}

async function measureEngine(engine: Engine, setting: Setting): Promise<{ measured: Measured[]; skipped: Skipped[] }> {
  const name = `sluice-${engine}`;
  const extras = { cacheMemory: CACHE_MEMORY, hasWho: true };
  const place = { ...pinnedPlace(setting), workers: WORKERS, cpus: undefined };
  const { subjects, skipped } = await startSubjects([{ kind: 'sluice', engine, pipelining: 1, name, extras }], place);
  const [subject] = subjects;
  if (subject === undefined) return { measured: [], skipped };
  try {
    const bench = await prepare(subject, setting.originPort);
    const both: StoredBy[] = [
      { name: `${name}, stored itself`, by: 'measured' },
      { name: `${name}, stored by the other`, by: 'storing' },
    ];
    const done = await alternate(both, setting.options.rounds, (one) => measureOne(bench, one));
    for (const socket of [...bench.measured, ...bench.storing]) socket.destroy();
    const measured = [...done.measured, ...differenceOf(`${name}, difference`, done.measured)];
    return { measured, skipped: done.skipped };
  } catch (error) {
    return { measured: [], skipped: [{ subject: name, why: reasonOf(error) }] };
  } finally {
    await stopSubjects(subjects);
  }
}

/** Two workers, one of which is measured: hits on objects that it stored itself, and on such as the other one stored. */
export async function measureHitOther(setting: Setting): Promise<Section> {
  const measured: Measured[] = [];
  const skipped: Skipped[] = [];
  for (const engine of setting.options.engines) {
    const done = await measureEngine(engine, setting);
    measured.push(...done.measured);
    skipped.push(...done.skipped);
  }
  return {
    id: 'hit-other',
    title: 'A hit on an object that another worker stored, 100 bytes',
    how:
      `Two workers. In each round ${OBJECTS} new objects are stored over connections of the one or of the other, then all are asked for over ` +
      `${CONNECTIONS_EACH} connections of the measured worker: once, then ${LATER_PASSES} times more. CPU time of that worker's thread alone, ` +
      'alone on CPU 0; the other worker, load and origin on CPU 1. The load is a client in Node, so the worker is not saturated: compare the rows with ' +
      'each other, not with other sections.',
    metrics: METRICS,
    measured,
    skipped,
    pairs: [],
  };
}
