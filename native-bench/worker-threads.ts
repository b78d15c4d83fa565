import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { childrenOf } from '../scripts/bench/proc.ts';
import type { Subject } from '../scripts/bench/subject.ts';

/** Threads of the proxy process (the supervisor's only child). */
export function threadsOf(subject: Subject): { readonly pid: number; readonly threads: readonly string[] } {
  const [pid] = childrenOf(subject.started.pid);
  if (pid === undefined) throw new Error('the supervisor has no child');
  return { pid, threads: readdirSync(`/proc/${pid}/task`) };
}

/** Time on a CPU in microseconds; the kernel counts it in nanoseconds, so that a fraction of a second says enough. */
export function threadCpuUs(pid: number, thread: string): number {
  const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1');
  return Number(text.split(' ')[0]) / 1000;
}

/** The thread that worked most while `load` ran. */
export async function busiestThread(
  subject: Subject,
  load: () => Promise<void>,
): Promise<{ readonly pid: number; readonly thread: string }> {
  const { pid, threads } = threadsOf(subject);
  const before = threads.map((thread) => threadCpuUs(pid, thread));
  await load();
  const grown = threads.map((thread, at) => threadCpuUs(pid, thread) - (before[at] ?? 0));
  const thread = threads[grown.indexOf(Math.max(...grown))];
  if (thread === undefined) throw new Error('the proxy has no threads');
  return { pid, thread };
}

/** One thread on `cpu`, all others of its process on `others`. */
export function pinThread(place: { readonly pid: number; readonly thread: string }, cpu: string, others: string): void {
  execFileSync('taskset', ['-apc', others, String(place.pid)], { stdio: 'ignore' });
  execFileSync('taskset', ['-pc', cpu, place.thread], { stdio: 'ignore' });
}
