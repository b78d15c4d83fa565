// What a choice of an endpoint costs, what a table costs to make, and how the methods spread. Usage: node scripts/micro/balance.ts
import { hash32 } from '../../src/base/hash32.ts';
import type { BalanceMethod } from '../../src/config/balance-types.ts';
import { sumOf } from '../../src/upstream/adaptive-cells.ts';
import { type Balancer, type BalancerInput, type BalancerSettings, makeBalancer } from '../../src/upstream/balancer.ts';
import { CELL, createEndpointMemory } from '../../src/upstream/endpoint-memory.ts';
import { levelsOf, OVERPROVISIONING } from '../../src/upstream/levels.ts';
import { idle, SETTINGS, spreadOf } from '../sim/balancing.ts';

const WORKERS = 4;
const METHODS: readonly BalancerSettings[] = [
  { ...SETTINGS, method: 'round-robin' },
  { ...SETTINGS, method: 'random' },
  { ...SETTINGS, method: 'least-requests' },
  { ...SETTINGS, method: 'ring-hash' },
  { ...SETTINGS, method: 'ring-hash', boundedLoad: 1.25 },
  { ...SETTINGS, method: 'maglev' },
  { ...SETTINGS, method: 'maglev', boundedLoad: 1.25 },
];
const KEYS = Array.from({ length: 100_000 }, (_, i) => hash32(`client-${i}`));

const nameOf = ({ method, boundedLoad }: BalancerSettings): string => (boundedLoad === 0 ? method : `${method}, bound ${boundedLoad}`);

/** Of many short rounds, each within one slice of a busy machine's time. */
function bestNs(rounds: number, count: number, step: (i: number) => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < count; i++) step(round * count + i);
    best = Math.min(best, ((performance.now() - start) * 1e6) / count);
  }
  return best;
}

/** As a cluster gives it: cells of all workers in shared memory, each endpoint with a few requests. */
function busy(count: number): BalancerInput {
  const memory = createEndpointMemory(WORKERS);
  const counts = Array.from({ length: count }, (_, slot) => memory.countsOfWorkers(slot));
  for (const [at, blocks] of counts.entries()) for (const block of blocks) block[CELL.IN_FLIGHT] = (at * 7) % 3;
  return { ...idle(ones(count)), inFlightOf: (index) => sumOf(counts[index] ?? [], CELL.IN_FLIGHT), random: Math.random };
}

const ones = (count: number): number[] => new Array<number>(count).fill(1000);

console.log('a pick, ns (4 workers, requests in flight everywhere), and what the table of a level costs to make, ms');
for (const settings of METHODS) {
  const cells = [10, 100].map((count) => {
    const input = busy(count);
    const balancer = makeBalancer(settings, input);
    const pick = bestNs(1000, 1000, (i) => balancer.pick(KEYS[i % KEYS.length] ?? 0, -1));
    const make = bestNs(30, 1, () => makeBalancer(settings, input)) / 1e6;
    return `${count} endpoints: ${pick.toFixed(0).padStart(5)} ns, made in ${make.toFixed(2).padStart(6)} ms`;
  });
  console.log(`${nameOf(settings).padEnd(24)} ${cells.join(';   ')}`);
}

const standings = ones(100).map((_, index) => ({
  index,
  priority: index % 2,
  zone: '',
  weight: 1,
  share: 1000,
  isUsable: index % 7 !== 0,
}));
const settings = { panicThreshold: 0.5, overprovisioning: OVERPROVISIONING, zone: '' };
console.log(`levels of 100 endpoints  ${(bestNs(500, 20, () => levelsOf(standings, settings)) / 1000).toFixed(1)} µs`);
console.log(`hash of a key of 29      ${bestNs(1000, 1000, () => hash32('203.0.113.117, 198.51.100.200')).toFixed(0)} ns`);

console.log('\nfullest endpoint over the mean of 100000 keys or picks, idle; and the keys that move when one of them leaves');
for (const method of ['random', 'ring-hash', 'maglev'] as const satisfies readonly BalanceMethod[]) {
  const cells = [3, 10, 100].map((count) => {
    const input = idle(ones(count));
    const home = makeBalancer({ ...SETTINGS, method }, input);
    const spread = fullest(home, count);
    if (method === 'random') return `${count}: ${spread.toFixed(3)}`;
    return `${count}: ${spread.toFixed(3)}, ${movedText(method, input)}`;
  });
  console.log(`${method.padEnd(24)} ${cells.join(';   ')}`);
}

function fullest(balancer: Balancer, count: number): number {
  const picks = new Float64Array(count);
  for (const key of KEYS) {
    const index = balancer.pick(key, -1);
    picks[index] = (picks[index] ?? 0) + 1;
  }
  return (Math.max(...picks) * count) / KEYS.length;
}

function movedText(method: BalanceMethod, input: BalancerInput): string {
  const count = input.names.length;
  const left = { ...input, names: input.names.slice(1), weights: input.weights.slice(1) };
  const [before, after] = [makeBalancer({ ...SETTINGS, method }, input), makeBalancer({ ...SETTINGS, method }, left)];
  const moved = KEYS.filter((key) => input.names[before.pick(key, -1)] !== left.names[after.pick(key, -1)]).length / KEYS.length;
  return `${(moved * 100).toFixed(2)} % move (1/n = ${(100 / count).toFixed(2)} %)`;
}

console.log(
  '\nten endpoints that take 5 to 20 ms, 0.45 requests/ms (90 % of what equal shares can take, 30 % of all), simulated 400 s, three seeds',
);
const latenciesMs = [5, 5, 5, 5, 5, 5, 10, 10, 15, 20];
for (const [name, chosen] of [
  ['round-robin', SETTINGS],
  ['random', { ...SETTINGS, method: 'random' }],
  ['least-requests, of 2', { ...SETTINGS, method: 'least-requests' }],
  ['least-requests, of 4', { ...SETTINGS, method: 'least-requests', choices: 4 }],
  ['ring-hash, bound 1.25', { ...SETTINGS, method: 'ring-hash', boundedLoad: 1.25 }],
] as const) {
  const rows = [1, 2, 3].map((seed) => {
    const { maxOverMean, meanMs, p99Ms } = spreadOf(chosen, { latenciesMs, requestsPerMs: 0.45, durationMs: 400_000, seed });
    return `max/mean ${maxOverMean.toFixed(2)}, mean ${meanMs.toFixed(1).padStart(6)} ms, p99 ${p99Ms.toFixed(0).padStart(5)} ms`;
  });
  console.log(`${name.padEnd(24)} ${rows.join(';   ')}`);
}
