// Threads that die in the middle of their work on one store while others go on. Usage:
// node scripts/prove/store-kills.ts [--kills 9000] [--terminations 1000] [--bytes 4194304] [--seed 1] [--out perf-reports/NAME]
import { hammerStore } from '../../test/threads/store-hammering.ts';
import { finishProof, readNumbers } from './report.ts';

const options = readNumbers({ kills: 9_000, terminations: 1_000, bytes: 4 * 2 ** 20, seed: 1 });
const beganMs = performance.now();
const report = await hammerStore({
  injectedKills: options.kills,
  terminations: options.terminations,
  storeBytes: options.bytes,
  seed: options.seed,
  onProgress: (deaths) => {
    if (deaths % 1000 === 0) console.error(`${deaths} deaths`);
  },
});

finishProof({
  title: 'Deaths at random steps of the object store',
  script: 'scripts/prove/store-kills.ts',
  text:
    'Three threads do everything that one can do with a store of this size, under load, and check every byte they read. Two of them die by an error in place of a random ' +
    'step (atomic operation, middle of a copy, plain store), after which nothing of theirs happens; the third is ended by `terminate()` at a random moment. ' +
    'The coordinator mends each death while the others go on, and is itself killed in the middle of one mending in ten.',
  rows: [
    ['deaths at a random step', report.injectedKills],
    ['deaths by terminate()', report.terminations],
    ['of these left: the lock', report.left.locks],
    ['fills', report.left.fills],
    ['pins', report.left.pins],
    ['claims', report.left.claims],
    ['mendings broken off and repeated', report.mendsBrokenOff],
    ['slowest mending, ms', report.slowestMendMs.toFixed(1)],
    ['store, bytes', options.bytes],
    ['operations', report.operations],
    ['reads; of these hits, each byte checked', `${report.reads}; ${report.hits}`],
    ['fills published; refused', `${report.fills}; ${report.refused}`],
    ['evictions', report.evictions],
    ['waits for the lock that ended by their bound', report.lockTimeouts],
    ['checks of all invariants on the way', report.checks],
    ['**torn objects**', report.torn.length],
    ['**locks, pins, claims, fills left**', report.locksLeft],
    ['**bytes lost**', report.bytesLost],
  ],
  seconds: (performance.now() - beganMs) / 1000,
  report,
  faults: [...report.torn, ...report.faults],
  isGood: report.locksLeft === 0 && report.bytesLost === 0,
  out: options.out,
});
