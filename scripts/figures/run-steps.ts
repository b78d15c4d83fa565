import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchReport } from '../bench/bench-report.ts';
import { pinnedEnv, pinnedNode, ROOT } from '../pinned-node.ts';
import { type Merged, mergeBench, mergeMicro } from './merge.ts';
import { commandOf, isRepeated, type Step } from './steps.ts';

async function runProgram(command: readonly string[], name: string): Promise<void> {
  const child = spawn(pinnedNode(), ['--disable-warning=ExperimentalWarning', ...command], {
    cwd: ROOT,
    env: pinnedEnv(),
    stdio: 'inherit',
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`${name} ended by ${signal ?? `exit code ${code}`}`);
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** One JSON for each of its runs, then one of all. */
async function runRepeated(step: Step, out: string): Promise<void> {
  const parts: unknown[] = [];
  for (let round = 0; round < step.rounds; round += 1) {
    const part = `${out}.part`;
    await runProgram(commandOf(step, part), step.name);
    parts.push(readJson(`${part}.json`));
    for (const ending of ['json', 'md']) rmSync(`${part}.${ending}`, { force: true });
  }
  // Written by the programs started above, in their own format.
  const merged = step.work.kind === 'bench' ? mergeBench(parts as BenchReport[]) : mergeMicro(parts as Merged[]);
  writeFileSync(`${out}.json`, `${JSON.stringify(merged, null, 1)}\n`);
}

async function runStep(step: Step, folder: string): Promise<void> {
  const out = join(folder, step.name);
  // Under another name until it is whole: what is there counts as done.
  const unfinished = `${out}-unfinished`;
  if (isRepeated(step)) await runRepeated(step, unfinished);
  else await runProgram(commandOf(step, unfinished), step.name);
  for (const ending of ['md', 'json']) if (existsSync(`${unfinished}.${ending}`)) renameSync(`${unfinished}.${ending}`, `${out}.${ending}`);
}

/** Runs what has no report yet. A step that fails is told at the end and does not keep the others from running. */
export async function runSteps(steps: readonly Step[], folder: string): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const failed: string[] = [];
  for (const [at, step] of steps.entries()) {
    const place = `${at + 1}/${steps.length} ${step.name}`;
    if (existsSync(join(folder, `${step.name}.json`))) {
      console.log(`${place}: done before`);
      continue;
    }
    const beganMs = performance.now();
    console.log(`${place}: begins`);
    try {
      await runStep(step, folder);
      console.log(`${place}: ${Math.round((performance.now() - beganMs) / 1000)} s`);
    } catch (error) {
      failed.push(`${step.name}: ${error instanceof Error ? error.message : String(error)}`);
      console.log(`${place}: failed: ${failed.at(-1)}`);
    }
  }
  return failed;
}
