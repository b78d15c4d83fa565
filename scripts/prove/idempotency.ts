// Deaths of the proxy under requests with Idempotency-Key, which clients send again. Usage:
// npm run prove-idempotency -- [--kills 100] [--seed 1] [--out perf-reports/NAME]
import { killUnderKeys } from '../../test/integration/idempotency-killing.ts';
import { finishProof, readNumbers } from './report.ts';

const options = readNumbers({ kills: 100, seed: 1 });
const beganMs = performance.now();
const report = await killUnderKeys({ kills: options.kills, seed: options.seed });
const { counts, faults } = report;

finishProof({
  title: 'Idempotency-Key over deaths of the proxy',
  script: 'scripts/prove/idempotency.ts',
  text:
    'Eight clients POST to two workers, each request with a key of its own and again with the same key until it has an outcome; an origin counts what it carries out by key. ' +
    'At random moments the proxy process is killed (SIGKILL; every fifth time its supervisor with it) or one of its workers ends. ' +
    'A fault is a key that ran twice, an answer that is not that of its one run, one that is told otherwise later, or a key without an outcome.',
  rows: [
    ['deaths of the process, by SIGKILL', counts.processKills],
    ['deaths of a worker', counts.workerKills],
    ['requests that were under way at a death', counts.caught],
    ['keys with an outcome', counts.keys],
    ['answered, by the one run', counts.answered],
    ['told "unknown"', counts.unknown],
    ['of these carried out by the origin', counts.unknownButRun],
    ['requests sent again', counts.retries],
  ],
  seconds: (performance.now() - beganMs) / 1000,
  report,
  faults,
  isGood: counts.unknown > 0,
  out: options.out,
});
