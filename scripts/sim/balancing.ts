import { type Balancer, type BalancerInput, type BalancerSettings, makeBalancer } from '../../src/upstream/balancer.ts';
import { SeededRandom } from './random.ts';

/** A balancer before endpoints that answer at their own speeds: one request after the other, in simulated time, always the same with a seed. */

export const SETTINGS: BalancerSettings = { method: 'round-robin', choices: 2, boundedLoad: 0, ringSize: 1024 };

export const namesOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.0.${i}:8080`);

/** An input without load, of endpoints with these weights. */
export function idle(weights: readonly number[], random = seeded(1)): BalancerInput {
  return { names: namesOf(weights.length), weights, fullWeight: Math.max(...weights), inFlightOf: () => 0, random };
}

export function seeded(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.next();
}

export type Load = {
  /** Mean time that each endpoint takes for a request. */
  readonly latenciesMs: readonly number[];
  readonly requestsPerMs: number;
  readonly durationMs: number;
  readonly seed: number;
};

export type Spread = {
  /** Of requests in flight, the mean over time of the fullest endpoint divided by that of all. */
  readonly maxOverMean: number;
  readonly meanMs: number;
  readonly p99Ms: number;
};

/** Requests come as a Poisson process and take exponential times; each endpoint has one server, so that what is too much waits there. */
export function spreadOf(settings: BalancerSettings, load: Load): Spread {
  const random = seeded(load.seed);
  const count = load.latenciesMs.length;
  const queues: number[][] = load.latenciesMs.map(() => []);
  const input = {
    ...idle(
      load.latenciesMs.map(() => 1),
      random,
    ),
    inFlightOf: (index: number) => queues[index]?.length ?? 0,
  };
  const balancer = makeBalancer(settings, input);
  const times: number[] = [];
  let [now, maxArea, meanArea] = [0, 0, 0];
  while (now < load.durationMs) {
    const gap = exponential(random, 1 / load.requestsPerMs);
    const lengths = queues.map((queue) => queue.length);
    maxArea += Math.max(...lengths) * gap;
    meanArea += (lengths.reduce((sum, length) => sum + length, 0) / count) * gap;
    now += gap;
    for (const queue of queues) while ((queue[0] ?? Number.POSITIVE_INFINITY) <= now) queue.shift();
    times.push(serve(balancer, queues, { now, random, latenciesMs: load.latenciesMs }));
  }
  times.sort((a, b) => a - b);
  return {
    maxOverMean: maxArea / meanArea,
    meanMs: times.reduce((sum, ms) => sum + ms, 0) / times.length,
    p99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
  };
}

type Moment = { readonly now: number; readonly random: () => number; readonly latenciesMs: readonly number[] };

/** A queue holds the moments at which its requests end. */
function serve(balancer: Balancer, queues: readonly number[][], { now, random, latenciesMs }: Moment): number {
  const index = balancer.pick(Math.floor(random() * 2 ** 32), -1);
  const queue = queues[index] ?? [];
  const end = Math.max(now, queue.at(-1) ?? now) + exponential(random, latenciesMs[index] ?? 1);
  queue.push(end);
  return end - now;
}

function exponential(random: () => number, mean: number): number {
  return -Math.log(1 - random()) * mean;
}
