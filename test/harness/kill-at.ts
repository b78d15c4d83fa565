import { type Cells, gateOf, interceptSteps, type StepKind } from './steps.ts';

/**
 * Death at a chosen step, on one thread: the n-th step throws, and so does every later one of the dead, so that no
 * `finally` of the dead can reach shared memory by an atomic operation.
 */
export class Killed extends Error {
  constructor(step: number, where: string) {
    super(`killed at step ${step}: ${where}`);
  }
}

export type KilledRun<T> =
  | { readonly kind: 'finished'; readonly value: T; readonly steps: number }
  | { readonly kind: 'killed'; readonly where: string; readonly steps: number };

/** Runs `act` and ends it before its step number `step` (from 1) happens. Steps of others must not fall into the call. */
export function runKilledAt<T>(step: number, act: () => T): KilledRun<T> {
  let steps = 0;
  let where: string | undefined;
  const before = (kind: StepKind, cells: Cells, index: number): void => {
    steps += 1;
    if (steps < step) return;
    where ??= `${kind} at byte ${cells.byteOffset + index * cells.BYTES_PER_ELEMENT}`;
    throw new Killed(step, where);
  };
  const restore = interceptSteps(gateOf(before));
  try {
    const value = act();
    // Who swallowed the kill is dead all the same: none of its later steps happened.
    return where === undefined ? { kind: 'finished', value, steps } : { kind: 'killed', where, steps: step };
  } catch (error) {
    if (where === undefined) throw error;
    return { kind: 'killed', where, steps: step };
  } finally {
    restore();
  }
}

/** Counts the steps that `act` takes. */
export function countSteps(act: () => unknown): number {
  return runKilledAt(Number.POSITIVE_INFINITY, act).steps;
}

export type KillPlan<World> = {
  /** Makes the world of one run, before anybody dies. */
  readonly prepare: () => World;
  /** What is killed. */
  readonly act: (world: World) => unknown;
  /** What the others do then, and what must hold. Throws when it does not. Also called once for the run that nothing killed. */
  readonly after: (world: World, run: KilledRun<unknown>) => void;
  /** A protocol that never ends is a failure. */
  readonly maxSteps?: number;
};

/** Runs the plan once for every step of `act`, and once whole. The answer is how many deaths there were. */
export function killAtEveryStep<World>(plan: KillPlan<World>): number {
  const { maxSteps = 20_000 } = plan;
  for (let step = 1; step <= maxSteps; step += 1) {
    const world = plan.prepare();
    const run = runKilledAt(step, () => plan.act(world));
    try {
      plan.after(world, run);
    } catch (error) {
      const where = run.kind === 'killed' ? run.where : 'the end';
      throw new Error(`after a death at step ${step} (${where}): ${error instanceof Error ? error.message : error}`, { cause: error });
    }
    if (run.kind === 'finished') return step - 1;
  }
  throw new Error(`no end after ${maxSteps} steps`);
}
