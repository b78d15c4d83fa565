import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from './figure.ts';

const REPORTS = 'perf-reports';

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // `readValue` says of whatever is no object that it is no report, and what to do.
    return undefined;
  }
}

/** The newest report of that name outside of the runs: `<date>-<name>.json`. */
function findOlder(root: string, name: string): string | undefined {
  const isIt = (file: string): boolean => /^\d{4}-\d\d-\d\d-/.test(file) && file.slice(11) === `${name}.json`;
  const file = readdirSync(join(root, REPORTS)).filter(isIt).sort().at(-1);
  return file === undefined ? undefined : join(REPORTS, file);
}

/** Reads a report from the folder of a run (a path below `root`), else the newest of that name that is committed. */
export function reportReader(root: string, folder: string): (name: string) => Report | undefined {
  const known = new Map<string, Report | undefined>();
  return (name) => {
    if (!known.has(name)) {
      const own = join(folder, `${name}.json`);
      const isOfThisRun = existsSync(join(root, own));
      const file = isOfThisRun ? own : findOlder(root, name);
      known.set(name, file === undefined ? undefined : { name, file, isOfThisRun, content: readJson(join(root, file)) });
    }
    return known.get(name);
  };
}

/** The folder of the newest run, if there is one. */
export function newestRun(root: string): string | undefined {
  const name = readdirSync(join(root, REPORTS))
    .filter((one) => /^\d{4}-\d\d-\d\d-figures$/.test(one))
    .sort()
    .at(-1);
  return name === undefined ? undefined : join(REPORTS, name);
}
