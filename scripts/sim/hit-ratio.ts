/**
 * Hit ratio of the object store against an exact LRU of the same bytes, over made-up traces: Zipf's law mixed with scans.
 * `npm run sim:hit-ratio -- --help`
 */
import os from 'node:os';
import { parseArgs } from 'node:util';
import { table, writeReport } from '../bench/bench-report.ts';
import { commandLine, readRevision } from '../bench/machine.ts';
import { Belady } from './belady.ts';
import { type Charges, Lru, type Policy, S3Fifo } from './policies.ts';
import { createStoreForArena, payloadBytes, StorePolicy } from './store-policy.ts';
import { footprintBytes, makeTrace, type SizeKind, type Trace } from './trace.ts';

const HELP = `npm run sim:hit-ratio -- [options]

Drives the real object store and an exact LRU of the same bytes (of the store's arena; LRU pays for key, head and body only, and
loses nothing to fragments) through the same traces. Exit code 1 when a cell is below the target.

  --objects N       that come again and again       (default: 100000)
  --requests N      of each trace                   (default: 1000000)
  --scans LIST      percent of one-time keys, in runs (default: 10,20)
  --scan-run N      requests in a run, on average   (default: 500)
  --zipf LIST       exponents                       (default: 0.8,0.9,1.0,1.1)
  --shares LIST     store in percent of the trace's footprint (default: 1,5,10)
  --sizes LIST      fixed,mixed                     (default: both)
  --seed N          (default: 7)
  --target POINTS   above LRU                       (default: 3)
  --out PREFIX      write PREFIX.md and PREFIX.json
`;

const FLAGS = {
  help: { type: 'boolean', short: 'h', default: false },
  objects: { type: 'string', default: '100000' },
  requests: { type: 'string', default: '1000000' },
  scans: { type: 'string', default: '10,20' },
  'scan-run': { type: 'string', default: '500' },
  zipf: { type: 'string', default: '0.8,0.9,1.0,1.1' },
  shares: { type: 'string', default: '1,5,10' },
  sizes: { type: 'string', default: 'fixed,mixed' },
  seed: { type: 'string', default: '7' },
  target: { type: 'string', default: '3' },
  out: { type: 'string' },
} as const;

/** Not counted: the stores are empty at the beginning. */
const WARM_UP_SHARE = 0.1;

type Cell = {
  readonly sizes: SizeKind;
  readonly zipf: number;
  readonly scanPercent: number;
  readonly sharePercent: number;
  readonly arenaMiB: number;
  /** Hits in percent of the requests after the warm-up. */
  readonly lru: number;
  readonly s3Fifo: number;
  readonly store: number;
  readonly belady: number;
  /** Payload in percent of the arena at the end. */
  readonly usedPercent: number;
  readonly unstored: number;
};

const HEAD = [
  'sizes',
  'Zipf',
  'scans',
  'share',
  'arena',
  'LRU',
  'store',
  'store − LRU',
  'S3-FIFO, exact',
  'Belady',
  'arena used',
  'not stored',
];

function hitPercent(policy: Policy, keys: Uint32Array): number {
  const from = Math.floor(keys.length * WARM_UP_SHARE);
  let hits = 0;
  for (let at = 0; at < keys.length; at += 1) {
    const isHit = policy.request(keys[at] ?? 0, at);
    if (isHit && at >= from) hits += 1;
  }
  return (100 * hits) / (keys.length - from);
}

function measure(trace: Trace, sharePercent: number): Cell {
  const store = createStoreForArena((footprintBytes(trace, payloadBytes) * sharePercent) / 100);
  const capacity = store.stats().arenaBytes;
  const charges: Charges = { capacity, byKey: Float64Array.from(trace.bodyBytes, payloadBytes) };
  const ours = new StorePolicy(store, trace);
  const ourHits = hitPercent(ours, trace.keys);
  return {
    sizes: trace.shape.sizes,
    zipf: trace.shape.zipf,
    scanPercent: Math.round(trace.shape.scanShare * 100),
    sharePercent,
    arenaMiB: capacity / 2 ** 20,
    lru: hitPercent(new Lru(charges), trace.keys),
    s3Fifo: hitPercent(new S3Fifo(charges, { smallShare: 0.1, promoteAt: 1 }), trace.keys),
    store: ourHits,
    belady: hitPercent(new Belady(charges, trace), trace.keys),
    usedPercent: (100 * store.stats().payloadBytes) / capacity,
    unstored: ours.unstored,
  };
}

function rowOf(cell: Cell, target: number): string[] {
  const points = cell.store - cell.lru;
  return [
    cell.sizes,
    cell.zipf.toFixed(1),
    `${cell.scanPercent} %`,
    `${cell.sharePercent} %`,
    `${cell.arenaMiB.toFixed(1)} MiB`,
    `${cell.lru.toFixed(2)} %`,
    `${cell.store.toFixed(2)} %`,
    `${points >= 0 ? '+' : ''}${points.toFixed(2)}${points < target ? ' (below the target)' : ''}`,
    `${cell.s3Fifo.toFixed(2)} %`,
    `${cell.belady.toFixed(2)} %`,
    `${cell.usedPercent.toFixed(1)} %`,
    String(cell.unstored),
  ];
}

function numbersOf(text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part);
    if (!(value > 0)) throw new Error(`${part} is not a positive number`);
    return value;
  });
}

function sizesOf(text: string): SizeKind[] {
  return text.split(',').map((name) => {
    if (name !== 'fixed' && name !== 'mixed') throw new Error(`--sizes: ${name} is none of fixed, mixed`);
    return name;
  });
}

function main(): void {
  const { values } = parseArgs({ options: FLAGS, allowPositionals: false });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const target = Number(values.target);
  const shape = {
    objects: Number(values.objects),
    requests: Number(values.requests),
    scanRun: Number(values['scan-run']),
    seed: Number(values.seed),
  };
  const traces = sizesOf(values.sizes).flatMap((sizes) =>
    numbersOf(values.scans).flatMap((scans) => numbersOf(values.zipf).map((zipf) => ({ ...shape, sizes, scanShare: scans / 100, zipf }))),
  );
  const cells: Cell[] = [];
  for (const traceShape of traces) {
    const trace = makeTrace(traceShape);
    for (const share of numbersOf(values.shares)) {
      const cell = measure(trace, share);
      cells.push(cell);
      console.log(rowOf(cell, target).join('  '));
    }
  }
  report({ cells, target, shape, out: values.out });
  if (cells.some((cell) => cell.store - cell.lru < target)) process.exitCode = 1;
}

type Report = { readonly cells: readonly Cell[]; readonly target: number; readonly shape: object; readonly out: string | undefined };

function report({ cells, target, shape, out }: Report): void {
  if (out === undefined) return;
  const revision = readRevision();
  const date = new Date().toISOString().slice(0, 10);
  const command = commandLine('scripts/sim/hit-ratio.ts');
  const worst = Math.min(...cells.map((cell) => cell.store - cell.lru));
  const text = [
    `# Hit ratio of the object store, ${date}`,
    `Commit ${revision.commit}${revision.dirty ? ' with local changes' : ''}, Node ${process.version}, ${os.machine()}. \`${command}\``,
    `The worst cell is ${worst.toFixed(2)} points above LRU; the target is ${target}.`,
    table(
      HEAD,
      cells.map((cell) => rowOf(cell, target)),
    ),
    'The real store (one participant), an exact LRU and an exact S3-FIFO, and Belady’s choice by the future, over the same made-up traces: Zipf’s law ' +
      'over the objects, mixed with runs of keys that come once. All have as many bytes as the arena of the store; the exact ones pay for key, head and ' +
      'body only and lose nothing to fragments or headers, the store does. `share`: arena in percent of what all distinct keys of the trace need. ' +
      'Sizes: 1 KiB each, or log-normal about 2 KiB up to 256 KiB. The first tenth of the requests is not counted.',
    '',
  ].join('\n\n');
  writeReport(out, { tool: 'sim:hit-ratio', format: 1, date, revision, command, shape, target, cells }, text);
  console.log(`report: ${out}.md and .json`);
}

main();
