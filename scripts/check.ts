/** Types, format, lint, floors and unused exports, side by side. Prints what failed and how long each took; exit code 1 if any did. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pinnedEnv, pinnedNode, ROOT } from './pinned-node.ts';

type Step = { readonly name: string; readonly command: string; readonly args: readonly string[] };
type StepResult = { readonly step: Step; readonly isGood: boolean; readonly output: string; readonly tookMs: number };

const bin = (name: string): string => join(ROOT, 'node_modules/.bin', name);

const STEPS: readonly Step[] = [
  { name: 'types', command: bin('tsc'), args: ['--noEmit', '-p', '.'] },
  {
    name: 'lint',
    command: bin('biome'),
    args: ['check', '--config-path=scripts/lint.json', '--max-diagnostics=50', '--error-on-warnings', '.'],
  },
  {
    name: 'floors',
    command: pinnedNode(),
    args: ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=dot', 'test/architecture.test.ts'],
  },
  { name: 'exports', command: pinnedNode(), args: ['--disable-warning=ExperimentalWarning', 'scripts/unused-exports.ts'] },
];

function run(step: Step): Promise<StepResult> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const child = spawn(step.command, step.args, { cwd: ROOT, env: pinnedEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const done = (isGood: boolean): void => resolve({ step, isGood, output, tookMs: performance.now() - startedMs });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', (error) => {
      output += `${error.message} (is npm ci done?)\n`;
      done(false);
    });
    child.on('close', (code) => done(code === 0));
  });
}

const results = await Promise.all(STEPS.map(run));
for (const { step, isGood, output } of results) {
  if (!isGood) console.log(`--- ${step.name} ---\n${output.trimEnd()}\n`);
}
for (const { step, isGood, tookMs } of results) {
  console.log(`${isGood ? 'ok    ' : 'FAILED'} ${step.name} (${(tookMs / 1000).toFixed(1)} s)`);
}
if (results.some((result) => !result.isGood)) process.exitCode = 1;
