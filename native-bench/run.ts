import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { commandLine, readMachine, readRevision } from '../scripts/bench/machine.ts';
import { measureAdaptive } from './adaptive.ts';
import { measureHit, measureMissStored } from './cache.ts';
import { measureFailing } from './failing.ts';
import { measureFollowerDelay } from './follower-delay.ts';
import { measureHerd, measureHerdUnshareable } from './herd.ts';
import { measureHerdZipf } from './herd-zipf.ts';
import { measureHitOther } from './hit-other.ts';
import { measureLatency } from './latency.ts';
import { measureLimited } from './limited.ts';
import { measureLoneMiss } from './lone-miss.ts';
import { measureIdle, measureSlowReader, measureSoak } from './memory.ts';
import { measureOutage } from './outage.ts';
import { type NativeReport, sectionText, writeNativeReport } from './native-report.ts';
import { HELP, type NativeOptions, readOptions, type ScenarioName } from './options.ts';
import { ensurePackages } from './packages.ts';
import { startNginxOrigin, startUploadOrigin } from './peers.ts';
import { measureRelay, measureScaling } from './relay.ts';
import type { Section } from './section.ts';
import { measureShadow } from './shadow.ts';
import { measureSharding } from './sharding.ts';
import { LOAD_CPU, type Setting } from './setting.ts';
import { measureSlowFollower } from './slow-follower.ts';

const SCENARIOS: Readonly<Record<ScenarioName, (setting: Setting) => Promise<Section>>> = {
  relay100: (setting) => measureRelay('relay100', setting),
  relay64k: (setting) => measureRelay('relay64k', setting),
  upload1m: (setting) => measureRelay('upload1m', setting),
  latency: measureLatency,
  workers: measureScaling,
  idle: measureIdle,
  'slow-reader': measureSlowReader,
  soak: measureSoak,
  sharding: measureSharding,
  hit100: (setting) => measureHit('hit100', setting),
  hit10k: (setting) => measureHit('hit10k', setting),
  'hit100-many': (setting) => measureHit('hit100-many', setting),
  'hit-other': measureHitOther,
  'miss-stored': measureMissStored,
  herd: measureHerd,
  'herd-unshareable': measureHerdUnshareable,
  'herd-zipf': measureHerdZipf,
  'follower-delay': measureFollowerDelay,
  'slow-follower': measureSlowFollower,
  'lone-miss': measureLoneMiss,
  limited: measureLimited,
  adaptive: measureAdaptive,
  'failing-kill': (setting) => measureFailing('kill', setting),
  'failing-freeze': (setting) => measureFailing('freeze', setting),
  'failing-slow': (setting) => measureFailing('slow', setting),
  'failing-500': (setting) => measureFailing('failing', setting),
  'failing-garbage': (setting) => measureFailing('garbage', setting),
  outage: measureOutage,
  shadow: measureShadow,
};

const HERDS: readonly ScenarioName[] = ['herd', 'herd-unshareable', 'herd-zipf', 'follower-delay', 'slow-follower'];
const WITH_VARNISH: readonly ScenarioName[] = ['hit100', 'hit10k', 'hit100-many', 'miss-stored', ...HERDS];

async function runAll(options: NativeOptions, folder: string): Promise<{ sections: Section[]; setting: Setting }> {
  const origin = await startNginxOrigin(folder, LOAD_CPU);
  const upload = await startUploadOrigin(LOAD_CPU);
  const configurations = new Map([['origin', { version: 'nginx', configText: origin.configText }]]);
  const setting: Setting = { options, folder, originPort: origin.port, uploadOriginPort: upload.port, configurations };
  const sections: Section[] = [];
  for (const name of options.scenarios) {
    console.log(`\n${name}`);
    const section = await SCENARIOS[name](setting);
    console.log(`\n${sectionText(section)}`);
    sections.push(section);
  }
  await Promise.all([origin.started.stop(), upload.started.stop()]);
  return { sections, setting };
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    console.log(HELP);
    return;
  }
  if (os.availableParallelism() < 2) throw new Error('two cores are needed: one for the proxy, one for load and origin');
  const needsVarnish = options.scenarios.some((name) => WITH_VARNISH.includes(name));
  ensurePackages(['nginx', 'haproxy', 'wrk', 'taskset', ...(needsVarnish ? (['varnishd'] as const) : [])]);
  const machine = readMachine();
  const revision = readRevision();
  const date = new Date().toISOString().slice(0, 10);
  // Our own load (the constant-rate generator, idle clients) belongs on the other side, like wrk.
  execFileSync('taskset', ['-apc', LOAD_CPU, String(process.pid)], { stdio: 'ignore' });
  const folder = mkdtempSync(join(os.tmpdir(), 'sluice-native-'));
  try {
    const { sections, setting } = await runAll(options, folder);
    const report: NativeReport = {
      tool: 'native-bench',
      format: 1,
      date,
      revision,
      machine,
      command: commandLine('native-bench/run.ts'),
      rounds: options.rounds,
      seconds: options.seconds,
      sections,
      configurations: Object.fromEntries(setting.configurations),
    };
    const prefix = options.out ?? join('perf-reports', `${date}-${revision.commit}${revision.dirty ? '-dirty' : ''}-native`);
    writeNativeReport(prefix, report);
    console.log(`\nreport: ${prefix}.md and .json`);
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
