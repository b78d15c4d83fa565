import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { sleep } from '../scripts/bench/start-process.ts';
import { readUsage, type Subject } from '../scripts/bench/subject.ts';
import { startSlowReader } from './idle-clients.ts';
import { type HerdBench, readOrigin, withHerdBench } from './herd-setting.ts';
import { alternate, type Metric, type Round, type Section } from './section.ts';
import type { Setting } from './setting.ts';

const MEBI = 2 ** 20;
const BIG_BYTES = 100 * MEBI;
const FOLLOWERS = 20;
const SLOW_BYTES_PER_SEC = MEBI;
const SAMPLE_MS = 50;
const LINGER_MS = 1000;
/** An object may take a quarter of Sluice's store. */
const STORED = { cacheMemory: '640MiB', cache: '{ maxObject: 128MiB }' };
/** More than the store: every page of it has been touched, so that what still grows is something else. */
const PREFILLS = 8;
const TIMEOUT_MS = 60_000;

const METRICS: readonly Metric[] = [
  { name: 'leader s', hasRatio: false },
  { name: 'others p50 s', hasRatio: true },
  { name: 'others last s', hasRatio: true },
  { name: 'RSS before MiB', hasRatio: false },
  { name: 'RSS highest MiB', hasRatio: false },
  { name: 'growth MiB', hasRatio: false },
  { name: 'origin requests', hasRatio: false },
];

type Done = Awaited<ReturnType<typeof alternate>>;
type Target = { readonly name: string; readonly subject: Subject; readonly hasSlow: boolean };

/** Reads an answer to its end; seconds. */
function download(port: number, path: string): Promise<number> {
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const socket = connect({
      host: '127.0.0.1',
      port,
      onread: {
        buffer: Buffer.allocUnsafe(2 ** 18),
        callback: (size) => {
          bytes += size;
          return true;
        },
      },
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n`);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => {
      if (bytes > BIG_BYTES) resolve((performance.now() - beganMs) / 1000);
      else reject(new Error(`a client got ${bytes} bytes`));
    });
  });
}

const freshPath = (): string => `/c/big/${randomBytes(4).toString('hex')}`;

/** The highest RSS from now on until `stop`, MiB. */
function watchRss(subject: Subject): { stop(): number } {
  let highest = 0;
  const look = (): void => {
    highest = Math.max(highest, readUsage(subject).rssBytes / MEBI);
  };
  look();
  const timer = setInterval(look, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      look();
      return highest;
    },
  };
}

async function measureOne({ subject, hasSlow }: Target, originPort: number): Promise<Round> {
  await readOrigin(originPort);
  const path = freshPath();
  const beforeMiB = readUsage(subject).rssBytes / MEBI;
  const rss = watchRss(subject);
  const leader = download(subject.port, path);
  await sleep(5);
  const slow = hasSlow ? startSlowReader(subject.port, path, SLOW_BYTES_PER_SEC) : undefined;
  const all = await Promise.all([leader, ...Array.from({ length: FOLLOWERS - (hasSlow ? 1 : 0) }, () => download(subject.port, path))]);
  // Without the slow one there is another fast one; as many are counted.
  const [leaderSec = 0, ...others] = all;
  const counted = others.slice(0, FOLLOWERS - 1).toSorted((a, b) => a - b);
  if (hasSlow) await sleep(LINGER_MS);
  const highestMiB = rss.stop();
  slow?.stop();
  const { requests } = await readOrigin(originPort);
  return {
    'leader s': leaderSec,
    'others p50 s': counted[counted.length >> 1] ?? Number.NaN,
    'others last s': counted.at(-1) ?? Number.NaN,
    'RSS before MiB': beforeMiB,
    'RSS highest MiB': highestMiB,
    'growth MiB': highestMiB - beforeMiB,
    'origin requests': requests,
  };
}

/** Twenty follow an object of 100 MiB, one of them at 1 MiB/s: what it costs in memory, and the others. */
export async function measureSlowFollower(setting: Setting): Promise<Section> {
  const measureAll = async ({ subjects, originPort }: HerdBench): Promise<Done> => {
    const targets = subjects.flatMap((subject): Target[] => [
      { name: subject.name, subject, hasSlow: false },
      { name: `${subject.name}, one slow`, subject, hasSlow: true },
    ]);
    for (const { port } of subjects) for (let fill = 0; fill < PREFILLS; fill += 1) await download(port, freshPath()).catch(() => {});
    for (const target of targets) await measureOne(target, originPort).catch(() => {});
    return alternate(targets, setting.options.rounds, (target) => measureOne(target, originPort));
  };
  const { result: done, skipped } = await withHerdBench(setting, measureAll, STORED);
  const names = done.measured.map(({ subject }) => subject);
  return {
    id: 'slow-follower',
    title: `${FOLLOWERS} followers of an object of 100 MiB, one of which reads 1 MiB/s`,
    how:
      'Sluice with a store of 640 MiB, Varnish with 256 MiB, whose every page has been used before, so `growth` is what is held beyond it (nginx keeps its cache in files, which RSS does not show). `others`: the 19 followers that are fast with and without the slow one; ' +
      'the origin sends as fast as it can; load and origin share the two cores.',
    metrics: METRICS,
    measured: done.measured,
    skipped: [...skipped, ...done.skipped],
    pairs: names.filter((name) => names.includes(`${name}, one slow`)).map((name) => [`${name}, one slow`, name] as const),
  };
}
