import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { serveSources } from './serve-sources.mjs';
import { readOwnSources } from './sources.mjs';

// Where every command begins. The process of `start` stays as the supervisor, so what only other commands need (the command
// line's parser, its help) is not loaded for it, and the proxy process boots while this one still reads.

const BOOT = fileURLToPath(new URL('./boot.mjs', import.meta.url));
const text = { type: 'string' };
const START_FLAGS = { config: text, listen: text, to: text, admin: text };

/** Nothing runs in it before it has been told its sources. Advanced serialisation keeps `undefined` fields, so a configuration survives the way. */
function forkProxy() {
  return fork(BOOT, [], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** The flags of a plain `start`; `undefined` for anything else, which the command line's parser answers. */
function plainStart([verb, ...args]) {
  if (verb !== 'start') return undefined;
  try {
    const { values } = parseArgs({ args, options: START_FLAGS });
    return values.config === undefined ? values : { ...values, config: resolve(values.config) };
  } catch {
    return undefined;
  }
}

async function start(flags) {
  const firstProxy = forkProxy();
  const sources = await readOwnSources();
  serveSources(sources);
  const { runStart } = await import('./start-command.ts');
  return runStart(flags, { firstProxy, sources, forkProxy, readOwnSources });
}

async function runOther() {
  serveSources(await readOwnSources());
  const { runCli } = await import('./cli.ts');
  return runCli(process.argv, start);
}

const flags = plainStart(process.argv.slice(2));
process.exitCode = await (flags === undefined ? runOther() : start(flags));
