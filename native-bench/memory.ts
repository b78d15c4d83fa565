import { sleep } from '../scripts/bench/start-process.ts';
import { readUsage, type Subject } from '../scripts/bench/subject.ts';
import { openIdleClients, startSlowReader } from './idle-clients.ts';
import { plansOf } from './relay.ts';
import { alternate, pairsOf, type Round, type Section } from './section.ts';
import { LOAD_CPU, pinnedPlace, type Setting } from './setting.ts';
import { startSubject, startSubjects, stopSubjects } from './subjects.ts';
import { runWrk, type WrkPlan } from './wrk.ts';

const MEBI = 2 ** 20;
const WARM: WrkPlan = { path: '/', connections: 64, durationSec: 2, bodyBytes: 0, cpus: LOAD_CPU };

function plainMetrics(names: readonly string[]): { name: string; hasRatio: boolean }[] {
  return names.map((name) => ({ name, hasRatio: false }));
}

function rssMiB(subject: Subject): number {
  return readUsage(subject).rssBytes / MEBI;
}

/** HAProxy and Sluice reckon two descriptors for each connection, and 20 000 is a common limit. */
const IDLE_CONNECTIONS = 9900;

async function holdIdle(subject: Subject): Promise<Round> {
  await runWrk(subject.port, WARM);
  await sleep(1000);
  const before = readUsage(subject).rssBytes;
  const sockets = await openIdleClients(subject.port, IDLE_CONNECTIONS);
  const open = sockets.filter((socket) => !socket.readableEnded && !socket.destroyed).length;
  const after = readUsage(subject).rssBytes;
  for (const socket of sockets) socket.destroy();
  return {
    connections: open,
    'RSS before MiB': before / MEBI,
    'RSS MiB': after / MEBI,
    'KiB each': (after - before) / 1024 / IDLE_CONNECTIONS,
  };
}

/** Each round in a new process: memory that idle clients once took is used again by the next ones. */
export async function measureIdle(setting: Setting): Promise<Section> {
  const place = pinnedPlace(setting);
  const { measured, skipped } = await alternate(plansOf(setting, false), setting.options.rounds, async (plan) => {
    const subject = await startSubject(plan, place);
    place.configurations.set(subject.name, { version: subject.version, configText: subject.configText });
    try {
      return await holdIdle(subject);
    } finally {
      await subject.started.stop();
    }
  });
  const metrics = [...plainMetrics(['connections', 'RSS before MiB', 'RSS MiB']), { name: 'KiB each', hasRatio: true }];
  const how = 'Each connection carried one request and then idles; growth of RSS over all processes, kernel buffers not counted.';
  const title = 'Idle keep-alive connections';
  return { id: 'idle', title, how, metrics, measured, skipped, pairs: pairsOf(measured) };
}

const SLOW_BYTES_PER_SEC = MEBI;
const SLOW_SECONDS = 10;
const HUGE_BYTES = 2 * 2 ** 30;

async function watchSlowReader(subject: Subject, isFull: boolean): Promise<Record<string, number>> {
  const before = rssMiB(subject);
  const reader = startSlowReader(subject.port, '/files/huge', SLOW_BYTES_PER_SEC);
  const endMs = performance.now() + (isFull ? HUGE_BYTES / SLOW_BYTES_PER_SEC + 60 : SLOW_SECONDS) * 1000;
  let highest = before;
  while (performance.now() < endMs && !reader.isOver()) {
    await sleep(250);
    highest = Math.max(highest, rssMiB(subject));
  }
  const isCut = reader.isOver() && reader.bytes() < HUGE_BYTES;
  reader.stop();
  return {
    'read MiB': reader.bytes() / MEBI,
    'RSS before MiB': before,
    'RSS highest MiB': highest,
    'growth MiB': highest - before,
    cut: isCut ? 1 : 0,
  };
}

/** All at the same time: a slow reader takes no CPU worth naming. */
export async function measureSlowReader(setting: Setting): Promise<Section> {
  const { subjects, skipped } = await startSubjects(plansOf(setting, false), pinnedPlace(setting));
  for (const subject of subjects) await runWrk(subject.port, WARM);
  await sleep(1000);
  const running = new Map(subjects.map((subject) => [subject.name, watchSlowReader(subject, setting.options.isFull)]));
  const done = await alternate(subjects, 1, async (subject) => (await running.get(subject.name)) ?? {});
  await stopSubjects(subjects);
  const title = `A client that reads 1 MiB/s of ${setting.options.isFull ? '2 GiB to the end' : `2 GiB, for ${SLOW_SECONDS} s`}`;
  const how = 'The origin sends as fast as it can; RSS is read four times a second.';
  const metrics = plainMetrics(['read MiB', 'RSS before MiB', 'RSS highest MiB', 'growth MiB', 'cut']);
  return { id: 'slow-reader', title, how, metrics, measured: done.measured, skipped: [...skipped, ...done.skipped], pairs: [] };
}

const SOAK_REQUESTS = 200_000;
const SOAK_REQUESTS_FULL = 5_000_000;
const SOAK_SLICES = 10;

/** RSS after the first tenth of the requests, when all is compiled and pooled, against RSS at the end. */
async function soak(subject: Subject, total: number): Promise<Record<string, number>> {
  const marks: number[] = [];
  let requests = 0;
  while (requests < total) {
    requests += (await runWrk(subject.port, { ...WARM, durationSec: total > 1e6 ? 5 : 1 }))['requests'] ?? 0;
    while (marks.length < Math.floor((requests / total) * SOAK_SLICES)) marks.push(rssMiB(subject));
    if (requests === 0) throw new Error('no request was answered');
  }
  await sleep(2000);
  return { requests, 'RSS at 10 % MiB': marks[0] ?? 0, 'RSS highest MiB': Math.max(...marks), 'RSS at the end MiB': rssMiB(subject) };
}

export async function measureSoak(setting: Setting): Promise<Section> {
  const ours = plansOf(setting, false).filter((plan) => plan.kind === 'sluice');
  const { subjects, skipped } = await startSubjects(ours, pinnedPlace(setting));
  const total = setting.options.isFull ? SOAK_REQUESTS_FULL : SOAK_REQUESTS;
  const done = await alternate(subjects, 1, (subject) => soak(subject, total));
  await stopSubjects(subjects);
  const title = `RSS over ${total.toLocaleString('en-US').replaceAll(',', ' ')} requests`;
  const metrics = plainMetrics(['requests', 'RSS at 10 % MiB', 'RSS highest MiB', 'RSS at the end MiB']);
  const how = 'wrk, 64 connections, 100-byte answers; RSS over all processes.';
  return { id: 'soak', title, how, metrics, measured: done.measured, skipped: [...skipped, ...done.skipped], pairs: [] };
}
