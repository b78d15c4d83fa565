import { randomBytes } from 'node:crypto';
import { HerdClients, type HerdTimes } from './herd-clients.ts';
import { readOrigin, withHerdBench } from './herd-setting.ts';
import { alternate, type Metric, pairsOf, type Round, type Section } from './section.ts';
import type { Setting } from './setting.ts';

const CLIENTS = 1000;
const ORIGIN_MS = 200;
const WARM_PATH = '/c/warm';
const WARM_HERDS = 3;

const HERD_METRICS: readonly Metric[] = [
  { name: 'origin requests', hasRatio: false },
  { name: 'first ms', hasRatio: false },
  { name: 'p50 ms', hasRatio: false },
  { name: 'last ms', hasRatio: true },
  { name: 'firing ms', hasRatio: false },
  { name: 'last/first', hasRatio: false },
  { name: 'errors', hasRatio: false },
];

const UNSHAREABLE_METRICS: readonly Metric[] = [
  { name: 'first herd: last ms', hasRatio: true },
  { name: 'first herd: last/origin', hasRatio: false },
  { name: 'second herd: last ms', hasRatio: true },
  { name: 'second herd: last/origin', hasRatio: false },
  { name: 'origin requests', hasRatio: false },
  { name: 'errors', hasRatio: false },
];

/** A proxy, or the origin itself: what the load and the origin take of the two cores stands in its row. */
type Target = { readonly name: string; readonly port: number };

const at = ({ servedMs }: HerdTimes, share: number): number => servedMs[Math.round(share * (servedMs.length - 1))] ?? Number.NaN;
/** Of the one that was served last, were all requests sent at once. */
const lastMs = (times: HerdTimes): number => at(times, 1) - times.firingMs;
const freshPath = (kind: string): string => `/c/${kind}/${randomBytes(4).toString('hex')}`;

/** One herd after the other, each on connections that have just been opened. */
async function fireHerds(target: Target, paths: readonly string[]): Promise<HerdTimes[]> {
  const all: HerdTimes[] = [];
  for (const path of paths) {
    const clients = await HerdClients.open(target.port, CLIENTS, WARM_PATH);
    try {
      all.push(await clients.fire(path));
    } finally {
      await clients.close();
    }
  }
  return all;
}

async function measureOneHerd(target: Target, originPort: number): Promise<Round> {
  await readOrigin(originPort);
  const [times] = await fireHerds(target, [freshPath('slow')]);
  if (times === undefined) throw new Error('no herd');
  const { requests } = await readOrigin(originPort);
  return {
    'origin requests': requests,
    'first ms': at(times, 0),
    'p50 ms': at(times, 0.5),
    'last ms': at(times, 1),
    'firing ms': times.firingMs,
    'last/first': lastMs(times) / at(times, 0),
    errors: times.errors,
  };
}

async function measureOneUnshareable(target: Target, originPort: number): Promise<Round> {
  await readOrigin(originPort);
  const path = freshPath('private');
  const [first, second] = await fireHerds(target, [path, path]);
  if (first === undefined || second === undefined) throw new Error('no herds');
  const { requests } = await readOrigin(originPort);
  return {
    'first herd: last ms': at(first, 1),
    'first herd: last/origin': lastMs(first) / ORIGIN_MS,
    'second herd: last ms': at(second, 1),
    'second herd: last/origin': lastMs(second) / ORIGIN_MS,
    'origin requests': requests,
    errors: first.errors + second.errors,
  };
}

type Herd = {
  readonly id: string;
  readonly title: string;
  readonly how: string;
  readonly metrics: readonly Metric[];
  readonly measure: (target: Target, originPort: number) => Promise<Round>;
};

const HOW =
  `${CLIENTS} open connections over two workers, all of which send a GET of one URL in one turn of the load's event loop; 10 000 bytes; load on CPU 1, the rest unpinned; \`no proxy\`: straight to the origin. ` +
  'Times run from the first request sent to the last byte of an answer; `firing`: until the last request was sent.';

async function measureHerds({ id, title, how, metrics, measure }: Herd, setting: Setting): Promise<Section> {
  const { result: done, skipped } = await withHerdBench(setting, async ({ subjects, originPort }) => {
    // Compilers and connections to the origin get their moment.
    const targets: Target[] = [...subjects, { name: 'no proxy', port: originPort }];
    for (let warm = 0; warm < WARM_HERDS; warm += 1) for (const target of targets) await measure(target, originPort).catch(() => {});
    return alternate(targets, setting.options.rounds, (target) => measure(target, originPort));
  });
  return { id, title, how, metrics, measured: done.measured, skipped: [...skipped, ...done.skipped], pairs: pairsOf(done.measured) };
}

/** All ask for what nobody has, and the origin takes 200 ms. */
export function measureHerd(setting: Setting): Promise<Section> {
  const title = `A herd of ${CLIENTS} clients, one key, an origin that takes ${ORIGIN_MS} ms`;
  const how = `${HOW} \`last/first\`: the last answer, \`firing\` taken off, over the first.`;
  return measureHerds({ id: 'herd', title, how, metrics: HERD_METRICS, measure: measureOneHerd }, setting);
}

/** The answer turns out to be private: each has to go to the origin, and who comes next knows. */
export function measureHerdUnshareable(setting: Setting): Promise<Section> {
  const title = `A herd of ${CLIENTS} clients whose answer is private, and the next one`;
  const how = `${HOW} \`last/origin\`: the last answer, \`firing\` taken off, over the ${ORIGIN_MS} ms that the origin takes for one.`;
  return measureHerds({ id: 'herd-unshareable', title, how, metrics: UNSHAREABLE_METRICS, measure: measureOneUnshareable }, setting);
}
