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
const MAX_OPENED = 600;
const OBJECTS = 4000;
const LATER_PASSES = 5;
const WARM_PASSES = 4;

const METRICS: readonly Metric[] = [
  { name: 'first hit CPU µs', hasRatio: false },
  { name: 'later hits CPU µs', hasRatio: false },
];

type WorkerId = string;

/** The worker whose hits are measured, its thread, and the worker that stores for it. */
type Bench = {
  readonly port: number;
  readonly originPort: number;
  readonly measured: WorkerId;
  readonly storing: WorkerId;
  readonly pid: number;
  readonly thread: string;
};

async function findWorkers(port: number): Promise<WorkerId[]> {
  const found = new Set<WorkerId>();
  for (let opened = 0; opened < MAX_OPENED && found.size < WORKERS; opened += 1) {
    const { socket, worker } = await openPlaced(port);
    found.add(worker);
    socket.destroy();
  }
  return [...found];
}

/** The kernel's hash chooses the worker of a connection: open until enough have come to this one. */
async function openTo(port: number, worker: WorkerId): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let opened = 0; opened < MAX_OPENED && sockets.length < CONNECTIONS_EACH; opened += 1) {
    const placed = await openPlaced(port);
    if (placed.worker === worker) sockets.push(placed.socket);
    else placed.socket.destroy();
  }
  if (sockets.length < CONNECTIONS_EACH) throw new Error(`${MAX_OPENED} connections did not reach worker ${worker} often enough`);
  return sockets;
}

/** Connections of their own for every step: engine uws closes what idles for ten seconds, and a step may take longer. */
async function askWorker(port: number, worker: WorkerId, ask: (sockets: readonly Socket[]) => Promise<void>): Promise<void> {
  const sockets = await openTo(port, worker);
  await ask(sockets);
  for (const socket of sockets) socket.destroy();
}

function freshPaths(): string[] {
  const mark = randomBytes(4).toString('hex');
  return Array.from({ length: OBJECTS }, (_, at) => `/c/100/${mark}-${at}`);
}

async function prepare(subject: Subject, originPort: number): Promise<Bench> {
  const { port } = subject;
  const [measured, storing] = await findWorkers(port);
  if (measured === undefined || storing === undefined) throw new Error(`${MAX_OPENED} connections did not reach two workers`);
  const paths = freshPaths();
  await askWorker(port, storing, (sockets) => requestEach(sockets, paths));
  const load = (): Promise<void> => askWorker(port, measured, (sockets) => requestEach(sockets, paths));
  const place = await busiestThread(subject, load);
  // Worker, store and load apart: what the other worker wrote is in the cache of the other core.
  pinThread(place, PROXY_CPU, LOAD_CPU);
  for (let pass = 0; pass < WARM_PASSES; pass += 1) await load();
  return { port, originPort, measured, storing, ...place };
}

type Passes = { readonly paths: readonly string[]; readonly count: number };

async function cpuUsPerHit(bench: Bench, sockets: readonly Socket[], passes: Passes): Promise<number> {
  const before = threadCpuUs(bench.pid, bench.thread);
  for (let pass = 0; pass < passes.count; pass += 1) await requestEach(sockets, passes.paths);
  return (threadCpuUs(bench.pid, bench.thread) - before) / (passes.count * passes.paths.length);
}

type StoredBy = { readonly name: string; readonly by: 'measured' | 'storing' };

async function measureOne(bench: Bench, { by }: StoredBy): Promise<Round> {
  const paths = freshPaths();
  await askWorker(bench.port, bench[by], (sockets) => requestEach(sockets, paths));
  const asked = await originRequests(bench.originPort);
  let first = 0;
  let later = 0;
  await askWorker(bench.port, bench.measured, async (sockets) => {
    first = await cpuUsPerHit(bench, sockets, { paths, count: 1 });
    later = await cpuUsPerHit(bench, sockets, { paths, count: LATER_PASSES });
  });
  const missed = (await originRequests(bench.originPort)) - asked - 1;
  if (missed > OBJECTS / 1000) throw new Error(`these are no hits: the origin saw ${missed} requests`);
  return { 'first hit CPU µs': first, 'later hits CPU µs': later };
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
