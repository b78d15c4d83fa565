import { createEpochs, Epochs, type EpochVerdict } from '../../../src/shm/epochs.ts';
import type { NotedCall, Participant, RunResult, StepCase, StepCases } from '../../harness/steps-case.ts';
import { printCalls } from '../../harness/steps-linearizable.ts';
import { SEED } from '../store-world.ts';

/** Invalidations against fills: what was asked for before a bump is not valid after it. */

type Stage = Parameters<Participant['prepare']>[1];
type Work = (epochs: Epochs, stage: Stage) => unknown;

const NAME = 'product-1';
const BADNESS: Readonly<Record<EpochVerdict, number>> = { valid: 0, stale: 1, gone: 2 };

function participant(work: Work, after: readonly number[] = []): Participant {
  return {
    after,
    prepare: (memories, stage) => {
      const epochs = new Epochs(memories[0]!);
      return () => work(epochs, stage);
    },
  };
}

function epochCase(participants: readonly Participant[], check: (result: RunResult) => readonly string[] = checkVerdicts): StepCase {
  return { create: () => [createEpochs(SEED)], isAtomicOnly: true, participants, check: (_, result) => check(result) };
}

/** Asks when it sends its request, and judges twice later. */
const filling: Work = (epochs, { note }) => {
  const since = note('now', [], () => epochs.now());
  const cells = [epochs.cellOf('other'), epochs.cellOf(NAME)];
  for (let i = 0; i < 2; i += 1) note('verdict', [], () => epochs.verdict(cells, since));
};

/** Judges once, and then only when the version has changed, as a worker does. */
const remembering: Work = (epochs, { note }) => {
  const cells = [epochs.cellOf(NAME)];
  const since = note('now', [], () => epochs.now());
  let version = epochs.version();
  let verdict = epochs.verdict(cells, since);
  for (let i = 0; i < 2; i += 1) {
    note('verdict', [], () => {
      const seen = epochs.version();
      if (seen === version) return verdict;
      version = seen;
      verdict = epochs.verdict(cells, since);
      return verdict;
    });
  }
};

/** Bumps around its own fill, while another one does. */
const bumpingAround: Work = (epochs, { note }) => {
  const cells = [epochs.cellOf(NAME)];
  const bump = (): void => note('bump', [false], () => epochs.bump(NAME, false));
  bump();
  bump();
  const since = note('now', [], () => epochs.now());
  bump();
  note('verdict', [], () => epochs.verdict(cells, since));
};

const bumping =
  (isSoft: boolean): Work =>
  (epochs, { note }) =>
    note('bump', [isSoft], () => epochs.bump(NAME, isSoft));

const bumpingAll =
  (isSoft: boolean): Work =>
  (epochs, { note }) =>
    note('bump', [isSoft], () => epochs.bumpAll(isSoft));

/** A bump that ended before a verdict began, and began after the fill asked for `now`, is in it; one that ended before that is not. */
function checkVerdicts({ calls }: RunResult): readonly string[] {
  const bumps = calls.filter(({ name }) => name === 'bump');
  return calls
    .filter(({ name, end }) => name === 'verdict' && end !== Number.POSITIVE_INFINITY)
    .flatMap((verdict) => {
      const now = calls.find(({ name, who }) => name === 'now' && who === verdict.who)!;
      const least = Math.max(0, ...bumps.filter(({ begin, end }) => begin > now.end && end < verdict.begin).map(badnessOf));
      const most = Math.max(0, ...bumps.filter(({ begin, end }) => end > now.begin && begin < verdict.end).map(badnessOf));
      const found = BADNESS[verdict.result as EpochVerdict];
      return found >= least && found <= most ? [] : [`a verdict between ${least} and ${most} is due: ${printCalls(calls)}`];
    });
}

function badnessOf({ args }: NotedCall): number {
  return args[0] === true ? BADNESS.stale : BADNESS.gone;
}

export const STEP_CASES: StepCases = {
  'a fill, a hard bump': epochCase([participant(filling), participant(bumping(false))]),
  'a fill, a soft bump': epochCase([participant(filling), participant(bumping(true))]),
  'a fill, a bump of everything': epochCase([participant(filling), participant(bumpingAll(false))]),
  'a fill, a soft bump of everything': epochCase([participant(filling), participant(bumpingAll(true))]),
  'one who remembers, a hard bump': epochCase([participant(remembering), participant(bumping(false))]),
  'one who remembers, a soft bump of everything': epochCase([participant(remembering), participant(bumpingAll(true))]),
  'bumps around a fill, a bump': epochCase([participant(bumpingAround), participant(bumping(false))]),
  'a fill, two hard bumps': epochCase([participant(filling), participant(bumping(false)), participant(bumping(false))]),
  'a fill, a soft and a hard bump': epochCase([participant(filling), participant(bumping(true)), participant(bumping(false))]),
  'a fill, a bump of everything and one of a name': epochCase([
    participant(filling),
    participant(bumpingAll(false)),
    participant(bumping(true)),
  ]),
  'one who remembers, two bumps': epochCase([participant(remembering), participant(bumping(true)), participant(bumping(false))]),
  'a bump dies, another is made': epochCase([participant(bumping(false)), participant(filling), participant(bumping(false), [0])]),
};
