/**
 * The long proofs of the shared-memory store, one after the other: threads that die in the middle of their work, ten million
 * inserts, every protocol in every order of its steps. An hour on two quiet cores.
 *
 *   npm run prove-store                          all of them
 *   npm run prove-store -- kills inserts         some of them
 *   npm run prove-store -- --out perf-reports    with their reports
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pinnedEnv, pinnedNode, ROOT } from './pinned-node.ts';

const PROOFS = ['kills', 'inserts', 'orders'] as const;

const args = process.argv.slice(2);
const outAt = args.indexOf('--out');
const folder = outAt === -1 ? undefined : args[outAt + 1];
const wanted = PROOFS.filter((proof) => args.includes(proof));
const date = new Date().toISOString().slice(0, 10);

for (const proof of wanted.length === 0 ? PROOFS : wanted) {
  const out = folder === undefined ? [] : ['--out', join(folder, `${date}-store-${proof}`)];
  const script = `scripts/prove/store-${proof}.ts`;
  const child = spawn(pinnedNode(), ['--disable-warning=ExperimentalWarning', script, ...out], {
    cwd: ROOT,
    env: pinnedEnv(),
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) process.exitCode = 1;
}
