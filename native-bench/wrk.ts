import { join } from 'node:path';
import { startProcess } from '../scripts/bench/start-process.ts';
import { busyCores, cpuUsPerRequest, readUsage, type Subject } from '../scripts/bench/subject.ts';

export type WrkPlan = {
  readonly path: string;
  readonly connections: number;
  readonly durationSec: number;
  readonly bodyBytes: number;
  readonly cpus: string | undefined;
  /** Request fields beside wrk's own, as `Name: value`. */
  readonly fields?: readonly string[];
  /** Which URLs: `path` alone when absent, else `path` with a number appended. */
  readonly urls?: UrlChoice;
};

/** `inTurn`: 1 to `count`, over and over. `unique`: never the same twice, in this run or, with another `mark`, in another. */
export type UrlChoice = { readonly kind: 'inTurn'; readonly count: number } | { readonly kind: 'unique'; readonly mark: string };

/** One closed-loop round. Latency is wrk's own and so omits what it could not send while it waited. */
export type WrkRound = {
  readonly requestsPerSec: number;
  readonly cpuUsPerRequest: number;
  /** Cores that the proxy kept busy: near its number of workers, or the load was the limit. */
  readonly busyCores: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly requests: number;
  readonly errors: number;
};

const ERROR_FIELDS = ['connectErrors', 'readErrors', 'writeErrors', 'statusErrors', 'timeouts'] as const;

function parseResult(text: string): Record<string, number> {
  const found = /^RESULT (\{.*\})$/m.exec(text);
  if (found === null) throw new Error(`wrk gave no result; it said:\n${text}`);
  const fields: unknown = JSON.parse(found[1] ?? '{}');
  if (typeof fields !== 'object' || fields === null) throw new Error('wrk gave no object');
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Number(value)]));
}

/** Runs wrk against any port of this host: the fields of its summary. */
export async function runWrk(port: number, plan: WrkPlan): Promise<Record<string, number>> {
  const script = join(import.meta.dirname, 'peers/load.lua');
  const url = `http://127.0.0.1:${port}${plan.path}`;
  const fields = (plan.fields ?? []).flatMap((field) => ['-H', field]);
  const args = [...fields, '-t1', `-c${plan.connections}`, `-d${plan.durationSec}s`, '-s', script, url];
  const env = { WRK_BODY_BYTES: String(plan.bodyBytes), ...urlEnv(plan.urls) };
  const started = startProcess(['wrk', ...args], { cpus: plan.cpus, env });
  // `close` and not `exit`: only then has all of its output been read.
  await new Promise((resolve) => started.child.once('close', resolve));
  return parseResult(started.output());
}

function urlEnv(urls: UrlChoice | undefined): Record<string, string> {
  if (urls === undefined) return {};
  return urls.kind === 'inTurn' ? { WRK_URLS: String(urls.count) } : { WRK_UNIQUE: urls.mark };
}

export async function measureWithWrk(subject: Subject, plan: WrkPlan): Promise<WrkRound> {
  const before = readUsage(subject);
  const fields = await runWrk(subject.port, plan);
  const after = readUsage(subject);
  const requests = fields['requests'] ?? 0;
  if (requests === 0) throw new Error(`no request was answered; ${subject.name} said: ${subject.started.output().slice(-200)}`);
  return {
    requestsPerSec: (requests * 1e6) / (fields['durationUs'] ?? 1),
    cpuUsPerRequest: cpuUsPerRequest(before, after, requests),
    busyCores: busyCores(before, after),
    p50Us: fields['p50Us'] ?? 0,
    p99Us: fields['p99Us'] ?? 0,
    p999Us: fields['p999Us'] ?? 0,
    requests,
    errors: ERROR_FIELDS.reduce((sum, name) => sum + (fields[name] ?? 0), 0),
  };
}
