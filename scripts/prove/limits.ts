// The limiter under real threads: exactness on one key and on a hundred thousand, deaths, a flood of one-time keys. Usage:
// node scripts/prove/limits.ts [--seconds 10] [--deaths 50] [--flood 10000000] [--seed 1] [--out perf-reports/NAME]
import { DEFAULT_LIMIT_BYTES } from '../../src/shm/limit-memory.ts';
import { hammerLimits, type LimitsReport } from '../../test/threads/limits-hammering.ts';
import { finishProof, readNumbers, type Row } from './report.ts';

const options = readNumbers({ seconds: 10, deaths: 50, flood: 10_000_000, seed: 1 });
const { seed } = options;
const ms = options.seconds * 1000;
const bytes = DEFAULT_LIMIT_BYTES;
const bucket = (amount: number, windowMs: number, burst: number) => ({ algorithm: 'token-bucket', amount, windowMs, burst }) as const;

const one = await hammerLimits({
  threads: 4,
  ms,
  bytes,
  limit: bucket(10_000, 1000, 10_000),
  keys: 1,
  watched: 1,
  oneIn: 1,
  deaths: 0,
  seed,
});
const many = await hammerLimits({
  threads: 4,
  ms,
  bytes,
  limit: bucket(10, 1000, 50),
  keys: 100_000,
  watched: 1000,
  oneIn: 2,
  deaths: 0,
  seed,
});
const dying = await hammerLimits({
  threads: 4,
  ms,
  bytes: 2 ** 22,
  limit: bucket(100, 1000, 300),
  keys: 100_000,
  watched: 100,
  oneIn: 4,
  deaths: options.deaths,
  seed,
});
const flood = await hammerLimits({
  threads: 2,
  ms: 0,
  minTakes: options.flood * 1.1,
  bytes,
  limit: bucket(5, 1000, 50),
  keys: 1001,
  watched: 1000,
  oneIn: 11,
  flood: bucket(100, 3_600_000, 100),
  deaths: 0,
  seed,
});

function exactness(report: LimitsReport): readonly Row[] {
  return [
    ['decisions', report.takes],
    ['admitted of the watched keys', report.admitted],
    ['their buckets, and all that flowed in', Math.floor(report.most)],
    ['their buckets, and what flowed in after each was first empty', Math.floor(report.least)],
    ['the least share of that which a key has got', `${(Math.min(1, report.leastShare) * 100).toFixed(3)} %`],
  ];
}

const reports = { one, many, dying, flood };
const faults = Object.values(reports).flatMap((report) => report.faults);
const MiB = 2 ** 20;

finishProof({
  title: 'Limits under real threads',
  script: 'scripts/prove/limits.ts',
  text:
    `Four threads hammer one key (10 000/s, burst 10 000) for ${options.seconds} s; then 100 000 keys, of which 1000 are watched (10/s, burst 50); then the same on a small ` +
    'table while one thread after the other is ended by `terminate()`. Each watched key must get no more than its bucket and what flows in between the first and the last ' +
    'request, to the request, and no less than 99.9 % of it from when it was first refused. What is in flight (two at most of a key) is counted beside it. ' +
    'Last, one-time keys flood a table of 32 MiB (100/h each) while 1000 real clients (5/s, burst 50) go on.',
  rows: [
    ['**four threads, one key**', ''],
    ...exactness(one),
    ['**four threads, 100 000 keys**', ''],
    ...exactness(many),
    ['**deaths**', dying.deaths],
    ...exactness(dying),
    ['cells that the dead were about to make', dying.stats.recovered],
    ['**flood of one-time keys**', options.flood],
    ...exactness(flood),
    ['decisions of the flood without a cell', flood.stats.withoutCell],
    ['admitted of the flood', flood.floodAdmitted],
    ['cells, all with a key', `${flood.stats.live} of ${flood.stats.cells}`],
    [
      'memory of the process in MiB, early and at the end',
      `${Math.round(flood.rssBytes.before / MiB)}, ${Math.round(flood.rssBytes.after / MiB)}`,
    ],
  ],
  seconds: Object.values(reports).reduce((sum, { seconds }) => sum + seconds, 0),
  report: reports,
  faults,
  isGood: true,
  out: options.out,
});
