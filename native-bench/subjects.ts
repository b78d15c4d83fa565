import { type SluiceExtras, startSluice } from '../scripts/bench/sluice.ts';
import type { Subject } from '../scripts/bench/subject.ts';
import { type PeerName, startPeer } from './peers.ts';
import { reasonOf, type Skipped } from './section.ts';

export type Engine = 'node' | 'uws';

export type SubjectPlan =
  | { readonly kind: 'peer'; readonly peer: PeerName; readonly name: string }
  | {
      readonly kind: 'sluice';
      readonly engine: Engine;
      readonly pipelining: number;
      readonly name: string;
      readonly extras?: SluiceExtras;
    };

export type Place = {
  readonly workers: number;
  readonly originPort: number;
  /** Where there are several. */
  readonly originPorts?: readonly number[];
  readonly folder: string;
  /** As for `taskset -c`; `undefined` = where the scheduler wants. */
  readonly cpus: string | undefined;
  /** Sluice logs its garbage collections to `<folder>/<name>.gc`. */
  readonly hasGcProbe: boolean;
  /** Versions and configurations of all that was started, by name, for the report. */
  readonly configurations: Map<string, Configuration>;
};

export type Configuration = { readonly version: string; readonly configText: string };

export function peerPlan(peer: PeerName): SubjectPlan {
  return { kind: 'peer', peer, name: peer };
}

export function sluicePlan(engine: Engine, pipelining: number): SubjectPlan {
  return { kind: 'sluice', engine, pipelining, name: pipelining === 1 ? `sluice-${engine}` : `sluice-${engine}-p${pipelining}` };
}

export function gcLogOf(folder: string, name: string): string {
  return `${folder}/${name}.gc`;
}

export async function startSubject(plan: SubjectPlan, place: Place): Promise<Subject> {
  const { workers, originPort, originPorts, folder, cpus } = place;
  if (plan.kind === 'peer') return startPeer(plan.peer, { workers, originPort, originPorts, folder, cpus });
  const gcLog = place.hasGcProbe ? gcLogOf(folder, plan.name) : undefined;
  const { name, engine, pipelining, extras } = plan;
  return startSluice({ ...extras, name, engine, pipelining, workers, originPort, originPorts, folder, cpus, gcLog });
}

/** Starts all that start; the others are told with their reason. */
export async function startSubjects(plans: readonly SubjectPlan[], place: Place): Promise<{ subjects: Subject[]; skipped: Skipped[] }> {
  const subjects: Subject[] = [];
  const skipped: Skipped[] = [];
  for (const plan of plans) {
    try {
      const subject = await startSubject(plan, place);
      subjects.push(subject);
      place.configurations.set(subject.name, { version: subject.version, configText: subject.configText });
    } catch (error) {
      skipped.push({ subject: plan.name, why: reasonOf(error) });
      console.log(`  ${plan.name}: does not start: ${reasonOf(error)}`);
    }
  }
  return { subjects, skipped };
}

export async function stopSubjects(subjects: readonly Subject[]): Promise<void> {
  await Promise.all(subjects.map((subject) => subject.started.stop()));
}
