import { parseArgs } from 'node:util';
import { isScenario, type ScenarioName } from './scenario.ts';

export type Load = { readonly kind: 'rate'; readonly perSec: number } | { readonly kind: 'share'; readonly share: number };

export type BenchOptions = {
  readonly proxy: 'sluice' | 'nginx' | 'haproxy';
  readonly engine: 'node' | 'uws';
  readonly pipelining: number;
  readonly workers: readonly number[];
  readonly scenarios: readonly ScenarioName[];
  /** 0 = the scenario's own. */
  readonly connections: number;
  readonly durationSec: number;
  readonly load: Load;
  readonly isPinned: boolean;
  readonly compare: string | undefined;
  /** Where the report goes; `undefined` = nowhere. */
  readonly out: string | undefined;
};

export const HELP = `npm run bench -- [options]

Starts Sluice in front of a small origin, finds its throughput with autocannon (closed loop), then its latency at a constant
rate (open loop, from the intended send time), and writes perf-reports/<date>-<commit>.{json,md}.

  --quick                 about 15 seconds: relay, one worker; writes no report unless --out is given
  --scenario LIST         relay,large,upload         (default: all; relay with --quick)
  --workers LIST          e.g. 1,2: a run with each  (default: 1 and the number of cores)
  --engine node|uws       of the listener            (default: uws)
  --pipelining N          towards the origin         (default: 1)
  --connections N         of the client              (default: 64; 16 for uploads)
  --duration SECONDS      of each measurement        (default: 10; 5 with --quick)
  --load PERCENT          constant rate as a share of the throughput just found (default: 60%)
  --rate N                constant rate in requests a second instead
  --no-pin                leave the scheduler free   (default: with one worker, proxy on CPU 0, load and origin on the others)
  --proxy sluice|nginx|haproxy   the same through a peer, for a look; native-bench compares properly
  --compare FILE.json     show the changes against an earlier report
  --out PREFIX            write PREFIX.json and PREFIX.md
`;

function positive(text: string, what: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${what}: ${text} is not a positive number`);
  return value;
}

function oneOf<T extends string>(text: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((one) => one === text);
  if (found === undefined) throw new Error(`--${what}: ${text} is none of ${allowed.join(', ')}`);
  return found;
}

function scenariosOf(text: string): ScenarioName[] {
  return text.split(',').map((name) => {
    if (!isScenario(name)) throw new Error(`--scenario: ${name} is none of relay, large, upload`);
    return name;
  });
}

function loadOf(rate: string | undefined, share: string): Load {
  if (rate !== undefined) return { kind: 'rate', perSec: positive(rate, 'rate') };
  return { kind: 'share', share: positive(share.replace('%', ''), 'load') / 100 };
}

const FLAGS = {
  quick: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  'no-pin': { type: 'boolean', default: false },
  proxy: { type: 'string', default: 'sluice' },
  engine: { type: 'string', default: 'node' },
  pipelining: { type: 'string', default: '1' },
  workers: { type: 'string' },
  scenario: { type: 'string' },
  connections: { type: 'string' },
  duration: { type: 'string' },
  load: { type: 'string', default: '60%' },
  rate: { type: 'string' },
  compare: { type: 'string' },
  out: { type: 'string' },
} as const;

/** Options of the command line, or `undefined` when help was asked for. Throws with a sentence for a person otherwise. */
export function readOptions(cores: number, reportPrefix: string): BenchOptions | undefined {
  const { values } = parseArgs({ options: FLAGS, allowPositionals: false });
  if (values.help) return undefined;
  const workers = values.workers ?? (values.quick || cores === 1 ? '1' : `1,${cores}`);
  return {
    proxy: oneOf(values.proxy, ['sluice', 'nginx', 'haproxy'], 'proxy'),
    engine: oneOf(values.engine, ['node', 'uws'], 'engine'),
    pipelining: positive(values.pipelining, 'pipelining'),
    workers: workers.split(',').map((text) => positive(text, 'workers')),
    scenarios: scenariosOf(values.scenario ?? (values.quick ? 'relay' : 'relay,large,upload')),
    connections: values.connections === undefined ? 0 : positive(values.connections, 'connections'),
    durationSec: positive(values.duration ?? (values.quick ? '5' : '10'), 'duration'),
    load: loadOf(values.rate, values.load),
    isPinned: !values['no-pin'],
    compare: values.compare,
    out: values.out ?? (values.quick ? undefined : reportPrefix),
  };
}
