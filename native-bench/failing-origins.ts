import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Subject } from '../scripts/bench/subject.ts';
import type { FailingMode, FailingOrder, FailingReport } from './failing-origin.ts';
import type { Round } from './section.ts';
import { ALL_CPUS, pinnedPlace, type Setting } from './setting.ts';
import { type SubjectPlan, startSubject } from './subjects.ts';

const ORIGINS = 3;
const FILE = join(import.meta.dirname, 'failing-origin.ts');

/** One of the origins: kept on its port over deaths. */
class FailingOrigin {
  port = 0;
  #child: ChildProcess | undefined;

  async start(): Promise<void> {
    const child = fork(FILE, [String(this.port)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    const [ready]: FailingReport[] = await once(child, 'message');
    if (ready !== undefined && 'port' in ready) this.port = ready.port;
  }

  take(mode: FailingMode): void {
    const order: FailingOrder = { mode };
    this.#child?.send(order);
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  async requests(): Promise<number> {
    const child = this.#child;
    if (child === undefined) return 0;
    const order: FailingOrder = { ask: 'count' };
    child.send(order);
    const [report]: FailingReport[] = await once(child, 'message');
    return report !== undefined && 'requests' in report ? report.requests : 0;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

/** Ways to fail, and to be well again. */
export const FAILURES = ['kill', 'freeze', 'slow', 'failing', 'garbage'] as const;
export type Failure = (typeof FAILURES)[number];

export class FailingOrigins {
  readonly all: readonly FailingOrigin[];

  private constructor(all: readonly FailingOrigin[]) {
    this.all = all;
  }

  static async open(count: number): Promise<FailingOrigins> {
    const all = Array.from({ length: count }, () => new FailingOrigin());
    await Promise.all(all.map((one) => one.start()));
    return new FailingOrigins(all);
  }

  get ports(): readonly number[] {
    return this.all.map(({ port }) => port);
  }

  /** To the last of them. */
  async fail(how: Failure): Promise<void> {
    const victim = this.all.at(-1);
    if (how === 'kill') await victim?.stop();
    else if (how === 'freeze') victim?.signal('SIGSTOP');
    else victim?.take(how);
  }

  async mend(how: Failure): Promise<void> {
    const victim = this.all.at(-1);
    if (how === 'kill') await victim?.start();
    else if (how === 'freeze') victim?.signal('SIGCONT');
    else victim?.take('well');
  }

  counts(): Promise<readonly number[]> {
    return Promise.all(this.all.map((one) => one.requests()));
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((one) => one.stop()));
  }
}

/** A subject of its own, with two workers, before three origins of its own, for one measurement. */
export async function beforeThree(
  setting: Setting,
  plan: SubjectPlan,
  measure: (subject: Subject, origins: FailingOrigins) => Promise<Round>,
): Promise<Round> {
  const origins = await FailingOrigins.open(ORIGINS);
  const place = { ...pinnedPlace(setting), workers: 2, cpus: ALL_CPUS, originPort: origins.ports[0] ?? 0, originPorts: origins.ports };
  const subject = await startSubject(plan, place);
  place.configurations.set(subject.name, { version: subject.version, configText: subject.configText });
  try {
    return await measure(subject, origins);
  } finally {
    await subject.started.stop();
    await origins.close();
  }
}
