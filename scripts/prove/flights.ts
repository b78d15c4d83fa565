// Threads that lead and follow each other's flights while one after the other ends in the middle. Usage:
// npm run prove-flights -- [--deaths 200] [--seed 1] [--out perf-reports/NAME]
import { hammerFlights } from '../../test/threads/flights-hammering.ts';
import { finishProof, readNumbers } from './report.ts';

const options = readNumbers({ deaths: 200, seed: 1 });
const beganMs = performance.now();
const report = await hammerFlights({ deaths: options.deaths, seed: options.seed });
const { counts, faults } = report;

finishProof({
  title: 'Deaths of threads that lead and follow flights',
  script: 'scripts/prove/flights.ts',
  text:
    'Three threads have 36 requests at once for ten keys. Leaders fill objects part by part, fail, release and abandon at random; followers on all threads read what fills, ' +
    'some slowly, and compare every byte. One thread after the other is ended by `terminate()` in the middle, mended and replaced. A wait of ten seconds is a fault.',
  rows: [
    ['deaths', options.deaths],
    ['flights led, never two of a key at once', counts.asked],
    ['of these taken over from a failed or dead leader', counts.takeovers],
    ['requests that followed', counts.followed],
    ['whole bodies read while they were filled, each byte compared', counts.whole],
    ['readers cut in the middle, honestly', counts.cut],
    ['followers released', counts.released],
    ['requests alone (mark, or no place)', counts.alone],
  ],
  seconds: (performance.now() - beganMs) / 1000,
  report,
  faults,
  isGood: true,
  out: options.out,
});
