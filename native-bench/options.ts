import { parseArgs } from 'node:util';
import type { PeerName } from './peers.ts';
import type { Engine } from './subjects.ts';

export const SCENARIO_NAMES = [
  'relay100',
  'relay64k',
  'upload1m',
  'latency',
  'workers',
  'idle',
  'slow-reader',
  'soak',
  'sharding',
  'hit100',
  'hit10k',
  'hit100-many',
  'hit-other',
  'miss-stored',
  'herd',
  'herd-unshareable',
  'herd-zipf',
  'follower-delay',
  'slow-follower',
  'lone-miss',
  'limited',
  'adaptive',
  'failing-kill',
  'failing-freeze',
  'failing-slow',
  'failing-500',
  'failing-garbage',
  'outage',
  'shadow',
] as const;
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

export type NativeOptions = {
  readonly scenarios: readonly ScenarioName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly engines: readonly Engine[];
  readonly peers: readonly PeerName[];
  /** The long forms of `slow-reader` (2 GiB at 1 MiB/s) and `soak` (5 million requests). */
  readonly isFull: boolean;
  readonly out: string | undefined;
};

export const HELP = `npm run native-bench -- [options]

The same work through nginx, HAProxy and Sluice: one worker each on CPU 0, load and origin on CPU 1, alternating in one run.

  --scenarios LIST   ${SCENARIO_NAMES.join(',')}
                     (default: all)
  --rounds N         rounds of each subject            (default: 7)
  --seconds N        of each measurement               (default: 5)
  --engines LIST     of Sluice: node,uws               (default: both)
  --no-bare          leave out the peers with their bare defaults (no forwarding fields)
  --full             slow-reader: 2 GiB at 1 MiB/s (35 minutes); soak: 5 million requests
  --out PREFIX       write PREFIX.json and PREFIX.md   (default: perf-reports/<date>-<commit>-native)
`;

const FLAGS = {
  help: { type: 'boolean', short: 'h', default: false },
  scenarios: { type: 'string', default: SCENARIO_NAMES.join(',') },
  rounds: { type: 'string', default: '7' },
  seconds: { type: 'string', default: '5' },
  engines: { type: 'string', default: 'node,uws' },
  'no-bare': { type: 'boolean', default: false },
  full: { type: 'boolean', default: false },
  out: { type: 'string' },
} as const;

function listOf<T extends string>(text: string, allowed: readonly T[], what: string): T[] {
  return text.split(',').map((name) => {
    const found = allowed.find((one) => one === name);
    if (found === undefined) throw new Error(`--${what}: ${name} is none of ${allowed.join(', ')}`);
    return found;
  });
}

function wholeNumber(text: string, what: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`--${what}: ${text} is not a whole number above 0`);
  return Number(text);
}

export function readOptions(): NativeOptions | undefined {
  const { values } = parseArgs({ options: FLAGS, allowPositionals: false });
  if (values.help) return undefined;
  return {
    scenarios: listOf(values.scenarios, SCENARIO_NAMES, 'scenarios'),
    rounds: wholeNumber(values.rounds, 'rounds'),
    seconds: wholeNumber(values.seconds, 'seconds'),
    engines: listOf<Engine>(values.engines, ['node', 'uws'], 'engines'),
    peers: values['no-bare'] ? ['nginx', 'haproxy'] : ['nginx', 'nginx-bare', 'haproxy', 'haproxy-bare'],
    isFull: values.full,
    out: values.out,
  };
}
