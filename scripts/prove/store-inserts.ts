// Many inserts of random sizes into a store that is far too small for them. Usage:
// node scripts/prove/store-inserts.ts [--inserts 10000000] [--bytes 67108864] [--body 262144] [--keys 100000] [--seed 1] [--out perf-reports/NAME]
import { fillStore, type Range } from '../../test/threads/store-filling.ts';
import { finishProof, readNumbers } from './report.ts';

const options = readNumbers({ inserts: 10_000_000, bytes: 64 * 2 ** 20, body: 256 * 1024, keys: 100_000, seed: 1 });
const report = fillStore({
  inserts: options.inserts,
  storeBytes: options.bytes,
  maxBodyBytes: options.body,
  keys: options.keys,
  seed: options.seed,
  checkEvery: Math.max(1000, Math.floor(options.inserts / 200)),
  onProgress: (inserts) => console.error(`${inserts} inserts`),
});
const isGood = report.bytesLost === 0;
const percent = ({ least, mean, most }: Range): string => [least, mean, most].map((share) => `${(share * 100).toFixed(1)} %`).join(' / ');

finishProof({
  title: 'Inserts of random sizes into the object store',
  script: 'scripts/prove/store-inserts.ts',
  text:
    `Bodies of 0 to ${options.body} bytes, as many between 10 and 100 as between 100 and 1000; keys from ${options.keys}, each replaced when it comes again. ` +
    'After every insert the payload is compared with the arena; at every check each object is added up, all invariants are looked at, and every sixteenth body is read. ' +
    'Shares are of the arena: least / mean / most over the checks.',
  rows: [
    ['inserts', report.inserts],
    ['stored', report.stored],
    [
      'refused',
      Object.entries(report.refused)
        .map(([why, count]) => `${why} ${count}`)
        .join(', ') || 'none',
    ],
    ['evictions', report.evictions],
    ['limit (cacheMemory), bytes', options.bytes],
    ['segment, bytes', report.segmentBytes],
    ['arena, bytes', report.arenaBytes],
    ['highest payload, bytes', report.highestPayloadBytes],
    ['payload', percent(report.payloadShare)],
    ['free', percent(report.freeShare)],
    ['headers and rounding', percent(report.overheadShare)],
    ['largest free block, of what is free', percent(report.largestFreeShare)],
    ['objects at once', `${report.objects.least} / ${Math.round(report.objects.mean)} / ${report.objects.most}`],
    ['checks', report.checks],
    ['**bytes lost after everything expired**', report.bytesLost],
  ],
  seconds: report.seconds,
  report,
  faults: report.faults,
  isGood,
  out: options.out,
});
