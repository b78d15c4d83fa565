// Every protocol of the shared memory step by step, further than the tests go. Usage:
// node scripts/prove/store-orders.ts [--preemptions 3] [--deathPreemptions 1] [--plainPreemptions 1] [--random 2000] [--seed 1] [--out perf-reports/NAME]
import { readdirSync } from 'node:fs';
import { StepRig } from '../../test/harness/step-scheduler.ts';
import type { StepCases } from '../../test/harness/steps-case.ts';
import { finishProof, readNumbers, type Row } from './report.ts';

const CASES = new URL('../../test/threads/cases/', import.meta.url);
const SHM = new URL('../../src/shm/', import.meta.url);
/** Cases that are wrong on purpose, and files without any. */
const LEFT_OUT = ['toys.ts', 'store-work.ts'];
const THREADS = 4;

const options = readNumbers({ preemptions: 3, deathPreemptions: 1, plainPreemptions: 1, random: 2000, seed: 1 });
const totals = { orders: 0, plainOrders: 0, deaths: 0, random: 0, cases: 0 };
const failures: string[] = [];

async function attempt(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
  }
}

type Rigs = { readonly rig: StepRig; readonly plainRig: StepRig };

/** A case whose first participant's death is the point of it. */
function isDeadly(name: string): boolean {
  return /\bdies\b/.test(name);
}

async function proveCase({ rig, plainRig }: Rigs, name: string, participants: number): Promise<void> {
  // Each thread more has so many more orders that one preemption less is as much work.
  const maxPreemptions = options.preemptions - (participants - 2);
  totals.cases += 1;
  const mayTimeOut = name.includes('run out of time');
  if (isDeadly(name)) {
    await attempt(name, async () => {
      totals.deaths += (await rig.exploreKills(name, 0, { maxPreemptions: options.deathPreemptions })).kills;
    });
    await attempt(`${name}, plain stores too`, async () => {
      totals.deaths += (await plainRig.exploreKills(name, 0, { maxPreemptions: 0 })).kills;
    });
    return;
  }
  await attempt(name, async () => {
    totals.orders += (await rig.explore(name, { maxPreemptions, mayTimeOut })).runs;
  });
  await attempt(`${name}, plain stores too`, async () => {
    totals.plainOrders += (await plainRig.explore(name, { maxPreemptions: options.plainPreemptions, mayTimeOut })).runs;
  });
  await attempt(`${name}, at random`, async () => {
    totals.random += (await plainRig.sample(name, options.random, { seed: options.seed, mayTimeOut })).runs;
  });
}

const beganMs = performance.now();
for (const file of readdirSync(CASES).filter((name) => !LEFT_OUT.includes(name))) {
  const module = new URL(file, CASES);
  const { STEP_CASES } = (await import(module.href)) as { readonly STEP_CASES: StepCases };
  const rig = await StepRig.open(module, THREADS);
  const plainRig = await StepRig.open(module, THREADS, SHM);
  for (const [name, { participants }] of Object.entries(STEP_CASES)) {
    await proveCase({ rig, plainRig }, name, participants.length);
    console.error(`${file}: ${name} (${Math.round((performance.now() - beganMs) / 1000)} s)`);
  }
  await rig.close();
  await plainRig.close();
}

const rows: readonly Row[] = [
  ['cases', totals.cases],
  [`orders of atomic steps, at most ${options.preemptions} preemptions (of three threads one less, of four two)`, totals.orders],
  [`orders of atomic steps and plain stores, at most ${options.plainPreemptions} preemptions`, totals.plainOrders],
  [`runs with a death, at every step, at most ${options.deathPreemptions} preemptions`, totals.deaths],
  ['orders at random, plain stores too', totals.random],
];
finishProof({
  title: 'The protocols of the shared memory in every order of their steps',
  script: 'scripts/prove/store-orders.ts',
  text:
    'Two to four threads run real code of `src/shm`; a scheduler lets them take their atomic operations one by one, in every order with at most so many preemptions, ' +
    'and the middle of each copy of bytes is a step too. After each run all invariants are checked, every object is read, and what was noted must be linearizable. ' +
    'The orders are those of a sequentially consistent machine.',
  rows,
  seconds: (performance.now() - beganMs) / 1000,
  report: { ...totals, options, failures },
  faults: failures,
  isGood: true,
  out: options.out,
});
