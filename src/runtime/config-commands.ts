import { readConfigFile } from './read-config.ts';

/** `sluice check`: every problem on standard error, one a line; warnings too, which are no failure. Returns the exit code. */
export async function runCheck(path: string): Promise<number> {
  const read = await readConfigFile(path);
  if (read.kind === 'bad') {
    for (const problem of read.problems) console.error(problem);
    return 1;
  }
  for (const warning of read.warnings) console.error(`warning: ${warning}`);
  const { listeners, routes, upstreams } = read.config;
  console.log(`${path}: good (${count(listeners, 'listener')}, ${count(routes, 'route')}, ${count(upstreams, 'upstream')})`);
  return 0;
}

/** `sluice schema`. */
export async function runSchema(): Promise<number> {
  const { jsonSchema } = await import('../config/json-schema.ts');
  console.log(JSON.stringify(jsonSchema(), undefined, 2));
  return 0;
}

function count(list: readonly unknown[], noun: string): string {
  return `${list.length} ${noun}${list.length === 1 ? '' : 's'}`;
}
