import type { Figure, Reading, Target } from './figure.ts';

/** What issue 8 promises of upstreams that fail; HAProxy beside it with the same times. */

function of(section: string, subject: string, metric: string): { readonly from: string; readonly read: Reading } {
  return { from: section, read: { kind: 'rounds', section, subject, metric } };
}

function most(value: number): { readonly target: Target } {
  return { target: { bound: '≤', value } };
}

const WAYS = [
  ['failing-kill', 'killed'],
  ['failing-freeze', 'frozen'],
  ['failing-slow', 'slow'],
  ['failing-500', 'answering 500'],
  ['failing-garbage', 'answering garbage'],
] as const;

const PEER = 'haproxy-failing';

const ONE_OF_THREE = WAYS.flatMap(([section, what]): readonly Omit<Figure, 'issue'>[] => [
  { name: `one of three ${what}: errors`, unit: '%', ...(what === 'killed' ? most(0.01) : {}), ...of(section, 'sluice', 'errors %') },
  { name: `one of three ${what}: errors of HAProxy`, unit: '%', ...of(section, PEER, 'errors %') },
  {
    name: `one of three ${what}: p99 from 2 s on ÷ healthy`,
    unit: '×',
    ...(what === 'frozen' || what === 'slow' ? most(1.2) : {}),
    ...of(section, 'sluice', 'settled p99 / healthy'),
  },
  { name: `one of three ${what}: p99 from 2 s on ÷ healthy, HAProxy`, unit: '×', ...of(section, PEER, 'settled p99 / healthy') },
  { name: `one of three ${what}, well again: busiest ÷ mean`, unit: '×', ...most(1.1), ...of(section, 'sluice', 'mended max / mean') },
]);

function own(subject: string): { readonly from: string; readonly read: Reading } {
  return { from: 'micro-resilient', read: { kind: 'rounds', section: 'resilient', subject, metric: 'ns', minus: 'pass' } };
}

export const UPSTREAMS: readonly Omit<Figure, 'issue'>[] = [
  ...ONE_OF_THREE,
  { name: 'total outage: a 503 takes, p99', unit: 'ms', ...most(5), ...of('outage', 'sluice', '503 p99 ms') },
  { name: 'total outage: 503 a second', unit: '/s', target: { bound: '≥', value: 5000 }, ...of('outage', 'sluice', '503 a second') },
  { name: 'total outage: memory grows by', unit: 'MiB', ...most(8), ...of('outage', 'sluice', 'RSS growth MiB') },
  { name: 'recovery: first second ÷ steady', unit: '×', ...most(1.5), ...of('outage', 'sluice', 'first second / steady') },
  ...['dead', 'slow', 'hostile'].map((kind) => ({
    name: `a ${kind} shadow: p99 of live answers ÷ without`,
    unit: '×',
    ...most(1.05),
    from: 'shadow',
    read: { kind: 'rounds' as const, section: 'shadow', subject: `sluice-${kind}-shadow`, metric: 'p99 ms', over: 'sluice' },
  })),
  { name: 'own code: health, breaker and retry add', unit: 'ns', ...most(300), ...own('health, breaker, retry') },
  { name: 'own code: outlier detection adds', unit: 'ns', ...own('outlier detection') },
  { name: 'own code: a breaker adds', unit: 'ns', ...own('breaker') },
  { name: 'own code: a time for each try adds', unit: 'ns', ...own('a time for each try') },
  { name: 'own code: a hedge that is not needed adds', unit: 'ns', ...own('hedge') },
];
