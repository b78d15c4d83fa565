import { type Cells, gateOf, interceptSteps, type StepKind } from './steps.ts';

/**
 * Others between two steps of a call, on one thread: before a step of the call they do what they do, whole. Every order with one preemption of
 * the call costs as many runs as it has steps, and no thread. For all orders: `step-scheduler.ts`.
 */
export type Step = { readonly number: number; readonly kind: StepKind; readonly cells: Cells; readonly index: number };

const MAX_STEPS = 100_000;

/** Runs `act`; `others` are told of each step before it happens, and do what they like. Their own steps are none. */
export function runOvertaken<T>(act: () => T, others: (step: Step) => void): T {
  let number = 0;
  let isTheirs = false;
  const before = (kind: StepKind, cells: Cells, index: number): void => {
    if (isTheirs) return;
    number += 1;
    if (number > MAX_STEPS) throw new Error('no end: whoever is overtaken looks again for ever');
    isTheirs = true;
    others({ number, kind, cells, index });
    isTheirs = false;
  };
  const restore = interceptSteps(gateOf(before));
  try {
    return act();
  } finally {
    restore();
  }
}

export type OvertakePlan<World, Result> = {
  readonly prepare: () => World;
  readonly act: (world: World) => Result;
  /** What another does, once, before one of the steps of `act`. */
  readonly other: (world: World) => unknown;
  /** Throws when the outcome is not one of those that either order alone could have, or else is wrong. */
  readonly check: (world: World, result: Result) => void;
};

/** Runs the plan once for every step of `act`. The answer is how many there were. */
export function overtakeAtEveryStep<World, Result>({ prepare, act, other, check }: OvertakePlan<World, Result>): number {
  for (let at = 1; ; at += 1) {
    const world = prepare();
    let where = '';
    const result = runOvertaken(
      () => act(world),
      ({ number, kind, cells, index }) => {
        if (number !== at) return;
        where = `${kind} at byte ${cells.byteOffset + index * cells.BYTES_PER_ELEMENT}`;
        other(world);
      },
    );
    if (where === '') return at - 1;
    try {
      check(world, result);
    } catch (error) {
      throw new Error(`overtaken at step ${at} (${where}): ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}
