import { cpuMsOf, processTree, rssBytesOf } from './proc.ts';
import type { Started } from './start-process.ts';

/** A proxy under test: started by us, with its origin behind it. */
export type Subject = {
  readonly name: string;
  readonly port: number;
  readonly workers: number;
  readonly version: string;
  /** The configuration it runs with, as it goes into the report. */
  readonly configText: string;
  readonly started: Started;
};

/** CPU and memory of all processes of a subject, supervisor and coordinator included. */
export type Usage = { readonly cpuMs: number; readonly rssBytes: number; readonly atMs: number };

export function readUsage(subject: Subject): Usage {
  const pids = processTree(subject.started.pid);
  return { cpuMs: cpuMsOf(pids), rssBytes: rssBytesOf(pids), atMs: performance.now() };
}

/** CPU time between two readings in microseconds for each of `requests`. */
export function cpuUsPerRequest(before: Usage, after: Usage, requests: number): number {
  return ((after.cpuMs - before.cpuMs) * 1000) / Math.max(1, requests);
}

/** Cores kept busy between two readings. */
export function busyCores(before: Usage, after: Usage): number {
  return (after.cpuMs - before.cpuMs) / Math.max(1, after.atMs - before.atMs);
}
