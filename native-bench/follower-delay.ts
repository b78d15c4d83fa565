import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { sleep } from '../scripts/bench/start-process.ts';
import type { Subject } from '../scripts/bench/subject.ts';
import { openPlaced } from './connection-spread.ts';
import { readOrigin, withHerdBench } from './herd-setting.ts';
import { alternate, type Metric, type Round, type Section } from './section.ts';
import type { Setting } from './setting.ts';
import { TrickleClient } from './trickle-client.ts';

const KEYS = 5;
const FOLLOWERS = 20;
const MAX_OPENED = 200;
/** The leader is with the origin by then, and the origin has not begun to answer. */
const HEAD_START_MS = 50;

const METRICS: readonly Metric[] = [
  { name: 'first byte p50 ms', hasRatio: false },
  { name: 'first byte p99 ms', hasRatio: false },
  { name: 'later p50 ms', hasRatio: false },
  { name: 'later p99 ms', hasRatio: false },
  { name: 'longest ms', hasRatio: false },
  { name: 'origin requests', hasRatio: false },
];

/** Whose followers: of the leader's worker, of another one, or, where a proxy does not tell, any. */
type Followers = { readonly name: string; readonly subject: Subject; readonly where: 'same' | 'other' | 'any' };

function targetsOf(subjects: readonly Subject[]): Followers[] {
  return subjects.flatMap((subject): Followers[] => {
    if (!subject.name.startsWith('sluice')) return [{ name: subject.name, subject, where: 'any' }];
    return [
      { name: `${subject.name}, same worker`, subject, where: 'same' },
      { name: `${subject.name}, other worker`, subject, where: 'other' },
    ];
  });
}

async function openPlain(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A leader's connection first, then those of the followers. */
async function openFor({ subject, where }: Followers): Promise<Socket[]> {
  if (where === 'any') return Promise.all(Array.from({ length: FOLLOWERS + 1 }, () => openPlain(subject.port)));
  const leader = await openPlaced(subject.port);
  const sockets = [leader.socket];
  for (let opened = 0; opened < MAX_OPENED && sockets.length <= FOLLOWERS; opened += 1) {
    const { socket, worker } = await openPlaced(subject.port);
    if ((worker === leader.worker) === (where === 'same')) sockets.push(socket);
    else socket.destroy();
  }
  if (sockets.length <= FOLLOWERS) throw new Error(`${MAX_OPENED} connections did not reach the ${where} worker often enough`);
  return sockets;
}

/** How much later than its leader each follower had each line, ms; below 0 where it had it sooner. */
async function watchKey(target: Followers): Promise<number[][]> {
  const clients = (await openFor(target)).map((socket) => new TrickleClient(socket));
  const [leader, ...followers] = clients;
  if (leader === undefined) throw new Error('no leader');
  const path = `/c/trickle/${randomBytes(4).toString('hex')}`;
  try {
    leader.ask(path);
    await sleep(HEAD_START_MS);
    for (const follower of followers) follower.ask(path);
    await Promise.all(clients.map((client) => client.done));
  } finally {
    for (const client of clients) client.close();
  }
  return followers.map(({ linesMs }) => linesMs.map((ms, line) => ms - (leader.linesMs[line] ?? Number.NaN)));
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

async function measureOne(target: Followers, originPort: number): Promise<Round> {
  await readOrigin(originPort);
  const delays = (await Promise.all(Array.from({ length: KEYS }, () => watchKey(target)))).flat();
  const { requests } = await readOrigin(originPort);
  const first = delays.map((lines) => lines[0] ?? Number.NaN);
  const later = delays.flatMap((lines) => lines.slice(1));
  return {
    'first byte p50 ms': percentile(first, 0.5),
    'first byte p99 ms': percentile(first, 0.99),
    'later p50 ms': percentile(later, 0.5),
    'later p99 ms': percentile(later, 0.99),
    'longest ms': Math.max(...first, ...later),
    'origin requests': requests,
  };
}

/** How far behind the leader's client the followers' are, while an answer trickles in. */
export async function measureFollowerDelay(setting: Setting): Promise<Section> {
  const { result: done, skipped } = await withHerdBench(setting, async ({ subjects, originPort }) => {
    const targets = targetsOf(subjects);
    for (const target of targets) await measureOne(target, originPort).catch(() => {});
    return alternate(targets, setting.options.rounds, (target) => measureOne(target, originPort));
  });
  return {
    id: 'follower-delay',
    title: `Followers of an answer that trickles for two seconds: how far behind the leader`,
    how:
      `${KEYS} keys at once, each with a leader and ${FOLLOWERS} followers that have asked before the answer begins; the origin sends a line every 20 ms. Delay: from when the leader's ` +
      `client had the first byte (\`first byte\`) or the end of a line (\`later\`) until a follower's had it, both read in one event loop. Two workers, unpinned; nginx does not feed followers before an answer is whole.`,
    metrics: METRICS,
    measured: done.measured,
    skipped: [...skipped, ...done.skipped],
    pairs: [],
  };
}
