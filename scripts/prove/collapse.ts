// Herds whose one request to the origin meets with a death, a client that leaves, or an origin that breaks off. Usage:
// npm run prove-collapse -- [--trials 1000] [--seed 1] [--out perf-reports/NAME]
import { runCollapseTrials } from '../../test/integration/collapse-trials.ts';
import { FAULTS } from '../../test/integration/trial-plan.ts';
import { finishProof, readNumbers, type Row } from './report.ts';

const TEXT = {
  worker: "the leader's worker ends",
  client: "the leader's client leaves",
  connection: 'the origin cuts its connections',
  origin: 'the origin cuts them, and is away for a while',
} as const;

const options = readNumbers({ trials: 1000, seed: 1 });
const beganMs = performance.now();
const report = await runCollapseTrials({ trials: options.trials, seed: options.seed });
const { counts, faults, deaths } = report;

const rows = FAULTS.flatMap((fault): Row[] => {
  const { trials, followers, onDead, whole, collapsed, cut, refused, entitled, originRequests, rests, mostAtOnce } = counts[fault];
  return [
    [`**${TEXT[fault]}**: trials`, trials],
    ['followers that did not leave', fault === 'worker' ? `${followers}, ${onDead} of them on the worker that ended` : followers],
    ['whole answers', `${whole}, ${collapsed} of them by another one's request`],
    ['of these where nothing stood in the way of one', entitled],
    ['honestly cut', cut],
    ['refused with a 5xx', refused],
    ['requests to the origin', `${originRequests}, ${rests} of them for a rest; at most ${mostAtOnce} at a time`],
  ];
});

finishProof({
  title: 'Collapsed forwarding over deaths, leavers and broken origins',
  script: 'scripts/prove/collapse.ts',
  text:
    'Three workers, both engines (node alone where a worker ends, since under uws its process ends with it), one herd after the other: a leader and three to ten followers, of which some read slowly, some leave and some come when something has gone wrong already. The answer has up to 1 MB, ' +
    'a length or chunks, a strong, a weak or no validator; the origin takes `Range`, ignores it, or sends another part, and in a quarter of the trials has other content afterwards. What goes wrong does so before the head, ' +
    'at a byte chosen at random, or whenever it happens. A fault is: an answer that ends well and is not exactly one version of the content with its validator; a wrong byte in one that was cut; a client with neither ' +
    'after 20 s; more than three requests for one answer at a time; a follower without a whole answer where it was to have one (the client left; the head had not come; a strong validator, an origin that takes `Range` and has the same content).',
  rows: [...rows, ['deaths of workers', deaths]],
  seconds: (performance.now() - beganMs) / 1000,
  report,
  faults,
  isGood: true,
  out: options.out,
});
