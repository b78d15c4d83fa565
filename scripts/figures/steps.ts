/** What one run goes through, each a process of its own with one JSON, so that a run that breaks off loses one step. */
export type Step = { readonly name: string; readonly work: Work; readonly rounds: number };

export type Work =
  | { readonly kind: 'native'; readonly seconds: number }
  /** A program of scripts/micro, `rounds` times over, each run with its own JSON; what they say is put together. */
  | { readonly kind: 'micro'; readonly program: string }
  | { readonly kind: 'bench' }
  | { readonly kind: 'faults' };

const ROUNDS = 5;

const native = (name: string, seconds: number): Step => ({ name, rounds: ROUNDS, work: { kind: 'native', seconds } });
const micro = (program: string, rounds: number): Step => ({ name: `micro-${program}`, rounds, work: { kind: 'micro', program } });

/** In this order, so that a run that is stopped early has those that were missed before. */
export const STEPS: readonly Step[] = [
  native('relay100', 6),
  native('latency', 6),
  native('hit100', 4),
  native('hit10k', 4),
  native('miss-stored', 4),
  native('lone-miss', 5),
  native('limited', 4),
  native('herd', 1),
  native('herd-unshareable', 1),
  native('hit-other', 1),
  native('relay64k', 3),
  native('upload1m', 4),
  native('workers', 4),
  native('sharding', 3),
  native('follower-delay', 1),
  native('slow-follower', 1),
  native('herd-zipf', 2),
  native('idle', 1),
  native('slow-reader', 1),
  micro('pipeline', 5),
  micro('hit', 5),
  // Each goes twice over everything by itself.
  micro('limited', 3),
  micro('miss', 3),
  micro('limits', 5),
  micro('disk-tier', 5),
  { name: 'bench-quick', rounds: ROUNDS, work: { kind: 'bench' } },
  native('adaptive', 3),
  native('failing-kill', 1),
  native('failing-freeze', 1),
  native('failing-slow', 1),
  native('failing-500', 1),
  native('failing-garbage', 1),
  native('outage', 1),
  native('shadow', 1),
  // Twice over everything by itself.
  micro('resilient', 3),
  { name: 'faults', rounds: ROUNDS, work: { kind: 'faults' } },
];

export function chooseSteps(names: readonly string[], option: string): readonly Step[] {
  return names.map((name) => {
    const step = STEPS.find((one) => one.name === name);
    if (step === undefined) throw new Error(`${option}: ${name} is none of ${STEPS.map((one) => one.name).join(', ')}`);
    return step;
  });
}

/** A step in a second a cell and one round: does it run at all? */
export function smokeOf(step: Step): Step {
  return { ...step, rounds: 1, work: step.work.kind === 'native' ? { kind: 'native', seconds: 1 } : step.work };
}

/** The program and its arguments, as for Node; `out` without its ending. */
export function commandOf(step: Step, out: string): readonly string[] {
  const { name, rounds, work } = step;
  switch (work.kind) {
    case 'native': {
      const size = ['--rounds', String(rounds), '--seconds', String(work.seconds)];
      return ['native-bench/run.ts', '--scenarios', name, ...size, '--engines', 'node', '--no-bare', '--out', out];
    }
    case 'micro':
      return [`scripts/micro/${work.program}.ts`, '--json', `${out}.json`];
    case 'bench':
      return ['scripts/bench.ts', '--quick', '--out', out];
    case 'faults':
      return ['native-bench/faults.ts', '--requests', '20000', '--out', out];
    default:
      return work satisfies never;
  }
}

/** Whether its program does one round and has to be run again for each. */
export function isRepeated(step: Step): boolean {
  return step.work.kind === 'micro' || step.work.kind === 'bench';
}
