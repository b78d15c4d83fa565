import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machineLines, table, writeReport } from '../scripts/bench/bench-report.ts';
import { commandLine, readMachine, readRevision } from '../scripts/bench/machine.ts';
import { type SluiceOptions, startSluice } from '../scripts/bench/sluice.ts';
import { until } from '../scripts/bench/start-process.ts';
import { spreadOf, spreadText } from '../scripts/bench/statistics.ts';
import { killProxy, reload, startUp, upgrade } from './fault-steps.ts';
import { readMigrate, writeMigrate } from './migrate-setting.ts';
import { ensurePackages } from './packages.ts';
import { startNginxOrigin } from './peers.ts';
import { reasonOf } from './section.ts';
import { type LoadCount, type LoadMode, SteadyLoad } from './steady-load.ts';

const HELP = `npm run faults -- [options]

Reloads and hot upgrades under load, SIGKILL of the proxy process, and start-up, on real processes with two workers.

  --engine node|uws   (default: uws)
  --requests N        at least so many in each load     (default: 100000)
  --reloads N         (default: 20)      --upgrades N   (default: 5)      --kills N   (default: 5)
  --out PREFIX        (default: perf-reports/<date>-<commit>-faults)
`;

const FLAGS = {
  help: { type: 'boolean', short: 'h', default: false },
  engine: { type: 'string', default: 'node' },
  requests: { type: 'string', default: '100000' },
  reloads: { type: 'string', default: '20' },
  upgrades: { type: 'string', default: '5' },
  kills: { type: 'string', default: '5' },
  out: { type: 'string' },
} as const;

const CONNECTIONS = 32;
const WORKERS = 2;
const STARTS = 5;

type Plan = { readonly requests: number; readonly reloads: number; readonly upgrades: number };
type Row = {
  readonly name: string;
  readonly count: LoadCount | undefined;
  readonly reloadMs: number[];
  readonly upgradeMs: number[];
  readonly note: string;
};

async function underLoad(name: string, mode: LoadMode, run: { readonly options: SluiceOptions; readonly plan: Plan }): Promise<Row> {
  const { options, plan } = run;
  const subject = await startSluice(options);
  const load = new SteadyLoad(subject.port, mode, CONNECTIONS);
  const reloadMs: number[] = [];
  const upgradeMs: number[] = [];
  let note = '';
  try {
    await until('the first answers', 10_000, () => (load.answered >= CONNECTIONS ? true : undefined));
    // Spread over the load: the next step comes when its share of the requests has been answered.
    const steps = plan.reloads + plan.upgrades;
    const every = Math.max(1, Math.round(steps / Math.max(1, plan.upgrades)));
    for (let step = 1; step <= steps; step += 1) {
      const isUpgrade = upgradeMs.length < plan.upgrades && (step % every === 0 || reloadMs.length === plan.reloads);
      if (isUpgrade) upgradeMs.push(await upgrade(subject));
      else reloadMs.push(await reload(subject, options, load));
      process.stderr.write(`\r  ${name}: step ${step}/${steps}, ${load.answered} answered, ${load.failed} failed  `);
      await until('more answers', 120_000, () => (load.answered + load.failed >= (plan.requests * step) / steps ? true : undefined));
    }
  } catch (error) {
    note = reasonOf(error);
  }
  const count = await load.stop();
  await subject.started.stop();
  process.stderr.write('\n');
  return { name, count, reloadMs, upgradeMs, note };
}

async function allLoads(options: SluiceOptions, plan: Plan): Promise<Row[]> {
  const found = readMigrate();
  const rows: Row[] = [];
  try {
    const isOff = writeMigrate('0');
    const suffix = isOff ? 'tcp_migrate_req=0' : `tcp_migrate_req=${found}`;
    rows.push(await underLoad(`keep-alive, ${suffix}`, 'keep-alive', { options, plan }));
    rows.push(await underLoad(`one request a connection, ${suffix}`, 'one-request', { options, plan }));
    const on = 'one request a connection, tcp_migrate_req=1';
    if (writeMigrate('1')) rows.push(await underLoad(on, 'one-request', { options, plan }));
    else rows.push({ name: on, count: undefined, reloadMs: [], upgradeMs: [], note: 'the setting may not be changed here' });
  } finally {
    if (found !== 'absent') writeMigrate(found);
  }
  return rows;
}

async function repeat(times: number, measure: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let i = 0; i < times; i += 1) values.push(await measure());
  return values;
}

function msText(values: readonly number[]): string {
  return values.length === 0 ? '-' : spreadText(spreadOf(values));
}

function rowCells(row: Row): string[] {
  const failures = Object.entries(row.count?.failures ?? {}).map(([why, times]) => `${why}: ${times}`);
  const cells = [
    row.name,
    String(row.count?.answered ?? '-'),
    String(row.count?.failed ?? '-'),
    [...failures, row.note].filter((part) => part !== '').join('; '),
  ];
  return [...cells, `${row.reloadMs.length}: ${msText(row.reloadMs)}`, `${row.upgradeMs.length}: ${msText(row.upgradeMs)}`];
}

async function measureAll(
  folder: string,
  engine: 'node' | 'uws',
  plan: Plan & { readonly kills: number },
): Promise<{ text: string; figures: object }> {
  const origin = await startNginxOrigin(folder, undefined);
  const options: SluiceOptions = {
    name: 'sluice-faults',
    engine,
    workers: WORKERS,
    pipelining: 1,
    originPort: origin.port,
    folder,
    cpus: undefined,
    gcLog: undefined,
  };
  const starts: Awaited<ReturnType<typeof startUp>>[] = [];
  for (let start = 0; start < STARTS; start += 1) starts.push(await startUp());
  const loads = await allLoads(options, plan);
  const subject = await startSluice(options);
  const killMs = await repeat(plan.kills, () => killProxy(subject));
  await subject.started.stop();
  await origin.started.stop();
  const text = [
    `## Reloads and hot upgrades under load, ${WORKERS} workers, ${CONNECTIONS} connections, engine ${engine}`,
    table(['load', 'answered', 'failed', 'how', 'reloads: ms', 'upgrades: ms'], loads.map(rowCells)),
    'A reload ends with the first answer under the new configuration, an upgrade with the exit of the old process.',
    '## SIGKILL of the proxy process',
    `Milliseconds until a request is answered again, ${plan.kills} times: ${msText(killMs)}`,
    '## Start-up',
    `\`npm start\` to the ready line, ms: ${msText(starts.map((start) => start.readyMs))}`,
    `RSS when idle, ${WORKERS} workers, MiB: proxy process ${msText(starts.map((start) => start.proxyRssMiB))}, ` +
      `with the supervisor ${msText(starts.map((start) => start.rssMiB))} (shared pages of the Node binary counted twice)`,
  ].join('\n\n');
  const startMs = starts.map((start) => start.readyMs);
  const startRssMiB = starts.map((start) => start.rssMiB);
  return { text, figures: { engine, loads, killMs, starts, startMs, startRssMiB } };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: FLAGS, allowPositionals: false });
  if (values.help) {
    console.log(HELP);
    return;
  }
  ensurePackages();
  const machine = readMachine();
  const revision = readRevision();
  const date = new Date().toISOString().slice(0, 10);
  const command = commandLine('native-bench/faults.ts');
  const folder = mkdtempSync(join(os.tmpdir(), 'sluice-faults-'));
  try {
    const plan = {
      requests: Number(values.requests),
      reloads: Number(values.reloads),
      upgrades: Number(values.upgrades),
      kills: Number(values.kills),
    };
    const { text, figures } = await measureAll(folder, values.engine === 'node' ? 'node' : 'uws', plan);
    const prefix = values.out ?? join('perf-reports', `${date}-${revision.commit}${revision.dirty ? '-dirty' : ''}-faults`);
    const head = `# Faults, ${date}\n\n${machineLines(machine, revision).join('\n')}\n\n\`${command}\``;
    writeReport(prefix, { tool: 'faults', format: 1, date, revision, machine, command, ...figures }, `${head}\n\n${text}\n`);
    console.log(`${text}\n\nreport: ${prefix}.md and .json`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
