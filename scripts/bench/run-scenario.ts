import { join } from 'node:path';
import { startPeer } from '../../native-bench/peers.ts';
import type { BenchRun } from './bench-report.ts';
import { readGcLog } from './gc-log.ts';
import type { BenchOptions } from './options.ts';
import { pacingHere, requestHead, runConstantRate } from './rate.ts';
import type { RateResult } from './rate-plan.ts';
import { SCENARIOS, type ScenarioName } from './scenario.ts';
import { startSluice } from './sluice.ts';
import { figure } from './statistics.ts';
import { readUsage, type Subject } from './subject.ts';
import { bold, dim, type Progress, percentileBars, percentilePlot, red, sparkline, timeText, yellow } from './terminal.ts';
import { measureThroughput, type ThroughputResult } from './throughput.ts';

export type Bench = {
  readonly options: BenchOptions;
  readonly originPort: number;
  readonly folder: string;
  readonly progress: Progress;
};

const WARMUP_SEC = 2;

export async function runScenario(bench: Bench, scenario: ScenarioName, workers: number): Promise<{ run: BenchRun; configText: string }> {
  const gcLog = join(bench.folder, `gc-${scenario}-${workers}.log`);
  const subject = await startSubject(bench, workers, gcLog);
  try {
    const connections = bench.options.connections || SCENARIOS[scenario].connections;
    console.log(
      bold(`${scenario}`) + dim(` ${SCENARIOS[scenario].text}, ${workers} worker(s), ${connections} connections, ${subject.name}`),
    );
    await closedLoop(bench, subject, { scenario, connections, durationSec: WARMUP_SEC, label: 'warming up' });
    const throughput = await closedLoop(bench, subject, {
      scenario,
      connections,
      durationSec: bench.options.durationSec,
      label: 'throughput',
    });
    printThroughput(throughput, workers);
    const fromMs = Date.now();
    const rate = await constantRate(bench, subject, { scenario, connections, throughput });
    const gc = bench.options.proxy === 'sluice' ? await readGcLog(gcLog, fromMs, Date.now()) : undefined;
    const rssMiB = readUsage(subject).rssBytes / 2 ** 20;
    const run = { proxy: subject.name, version: subject.version, scenario, workers, connections, throughput, rate, gc, rssMiB };
    printRate(run);
    return { run, configText: subject.configText };
  } finally {
    await subject.started.stop();
  }
}

function startSubject(bench: Bench, workers: number, gcLog: string): Promise<Subject> {
  const { options, originPort, folder } = bench;
  const cpus = options.isPinned && workers === 1 ? '0' : undefined;
  if (options.proxy !== 'sluice') return startPeer(options.proxy, { workers, originPort, folder, cpus });
  const { engine, pipelining } = options;
  return startSluice({ name: `sluice-${engine}`, engine, workers, pipelining, originPort, folder, cpus, gcLog });
}

type ClosedLoop = { readonly scenario: ScenarioName; readonly connections: number; readonly durationSec: number; readonly label: string };

async function closedLoop(bench: Bench, subject: Subject, step: ClosedLoop): Promise<ThroughputResult> {
  bench.progress.begin(step.label.padEnd(14));
  const options = { shape: SCENARIOS[step.scenario], connections: step.connections, durationSec: step.durationSec };
  const result = await measureThroughput(subject, options, (perSec, elapsedSec) => {
    bench.progress.show(elapsedSec / step.durationSec, `${figure(perSec)} req/s`);
  });
  bench.progress.end();
  return result;
}

type RateStep = { readonly scenario: ScenarioName; readonly connections: number; readonly throughput: ThroughputResult };

async function constantRate(bench: Bench, subject: Subject, step: RateStep): Promise<RateResult> {
  const { load, durationSec } = bench.options;
  const shape = SCENARIOS[step.scenario];
  const ratePerSec = load.kind === 'rate' ? load.perSec : Math.max(1, Math.round(step.throughput.requestsPerSec * load.share));
  const total = ratePerSec * (WARMUP_SEC + durationSec);
  bench.progress.begin('constant rate '.padEnd(14));
  const plan = {
    host: '127.0.0.1',
    port: subject.port,
    head: requestHead(shape.method, shape.path, shape.bodyBytes),
    bodyBytes: shape.bodyBytes,
    ratePerSec,
    connections: step.connections,
    warmupMs: WARMUP_SEC * 1000,
    durationMs: durationSec * 1000,
    pacing: pacingHere(),
  };
  const result = await runConstantRate(plan, ({ sent, answered, isWarmup }) => {
    bench.progress.show(sent / total, `${figure(ratePerSec)} req/s, ${sent - answered} in flight${isWarmup ? ', warming up' : ''}`);
  });
  bench.progress.end();
  return result;
}

function printThroughput(result: ThroughputResult, workers: number): void {
  const bound = result.busyCores < workers * 0.85 ? yellow(' (the load or the origin was the limit, not the proxy)') : '';
  const rate = `${bold(figure(result.requestsPerSec))} req/s, ${figure(result.mebibytesPerSec)} MiB/s`;
  console.log(`  throughput    ${rate}  ${sparkline(result.samples)}`);
  console.log(`                ${figure(result.cpuUsPerRequest)} µs CPU a request, ${figure(result.busyCores)} cores busy${bound}`);
  if (result.errors > 0) console.log(red(`                ${result.errors} errors`));
}

function printRate(run: BenchRun): void {
  const { rate, gc } = run;
  console.log(`  latency       at ${figure(rate.ratePerSec)} req/s (${figure(rate.achievedPerSec)} reached), from the intended send time`);
  for (const line of percentileBars(rate.latency)) console.log(line);
  for (const line of percentilePlot(rate.latency)) console.log(line);
  console.log(
    dim(`    generator's own lag: p50 ${timeText(rate.lag.p50Us)}, p99 ${timeText(rate.lag.p99Us)}, max ${timeText(rate.lag.maxUs)}`),
  );
  if (rate.errors > 0) console.log(red(`    ${rate.errors} errors; the first: ${rate.firstError}`));
  if (gc !== undefined) console.log(`  longest GC pause ${figure(gc.maxPauseMs)} ms (${gc.maxKind}); ${gc.collections} collections`);
  console.log(`  RSS ${figure(run.rssMiB)} MiB over all processes\n`);
}
