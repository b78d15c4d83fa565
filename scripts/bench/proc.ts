import { readdirSync, readFileSync } from 'node:fs';

/** Reads of /proc: CPU time, memory and children of the processes under test. A process that has ended counts as nothing. */

/** `utime` and `stime` are in clock ticks, and `USER_HZ` is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;

type Stat = { readonly parent: number; readonly cpuMs: number };

function readStat(pid: number | string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const close = text.lastIndexOf(')');
    // The name may hold spaces and parentheses, so the fields are counted from its end: state, ppid, … utime (14), stime (15).
    const fields = text.slice(close + 2).split(' ');
    return {
      parent: Number(fields[1]),
      cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK,
    };
  } catch {
    return undefined;
  }
}

/** Pids of a process and all that descend from it, parents first. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(entry);
    if (stat === undefined) continue;
    const known = children.get(stat.parent);
    if (known === undefined) children.set(stat.parent, [Number(entry)]);
    else known.push(Number(entry));
  }
  const found = readStat(root) === undefined ? [] : [root];
  for (let i = 0; i < found.length; i += 1) found.push(...(children.get(found[i] ?? 0) ?? []));
  return found;
}

export function cpuMsOf(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) total += readStat(pid)?.cpuMs ?? 0;
  return total;
}

/** Direct children only. */
export function childrenOf(parent: number): number[] {
  return processTree(parent).filter((pid) => readStat(pid)?.parent === parent);
}

/** The command line with spaces between its words; empty when the process is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

export function rssBytesOf(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) total += statusBytes(pid, 'VmRSS');
  return total;
}

function statusBytes(pid: number, field: string): number {
  try {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
