import type { FailureShareConfig, LatencyOutlierConfig, PassiveHealthConfig, SuccessRateConfig } from '../../config/health-types.ts';

/** Why an endpoint is ejected. */
export type EjectionReason = 'consecutive-5xx' | 'consecutive-gateway' | 'consecutive-local' | 'success-rate' | 'failure-share' | 'latency';

export type Verdict = { readonly slot: number; readonly reason: EjectionReason; readonly detail: string };

/** Failures of a kind in a row, now. */
export type Runs = { readonly slot: number; readonly fiveXx: number; readonly gateway: number; readonly local: number };

/** What an endpoint did in an interval. `quantileMs`: of its response times; 0 = not wanted, or none. */
export type Performance = { readonly slot: number; readonly requests: number; readonly failures: number; readonly quantileMs: number };

/** Who has had too many failures in a row. */
export function judgeRuns(endpoints: readonly Runs[], config: PassiveHealthConfig): Verdict[] {
  const { consecutive5xx, consecutiveGateway, consecutiveLocal } = config;
  return endpoints.flatMap(({ slot, fiveXx, gateway, local }): Verdict[] => {
    if (isOver(fiveXx, consecutive5xx)) return [{ slot, reason: 'consecutive-5xx', detail: `${fiveXx} in a row` }];
    if (isOver(gateway, consecutiveGateway)) return [{ slot, reason: 'consecutive-gateway', detail: `${gateway} in a row` }];
    if (isOver(local, consecutiveLocal)) return [{ slot, reason: 'consecutive-local', detail: `${local} in a row` }];
    return [];
  });
}

function isOver(run: number, bound: number): boolean {
  return bound > 0 && run >= bound;
}

/** Who does worse than the others, or than he may. The worst first of each kind, since not all may be ejected. */
export function judgeInterval(endpoints: readonly Performance[], config: PassiveHealthConfig): Verdict[] {
  const { successRate, failureShare, latency } = config;
  return [
    ...(successRate === undefined ? [] : judgeSuccess(endpoints, successRate)),
    ...(failureShare === undefined ? [] : judgeFailures(endpoints, failureShare)),
    ...(latency === undefined ? [] : judgeLatency(endpoints, latency)),
  ];
}

/** Envoy's: below the mean of the success rates less so many standard deviations (of all, not of a sample). */
function judgeSuccess(endpoints: readonly Performance[], { minHosts, minRequests, stdev }: SuccessRateConfig): Verdict[] {
  const judged = endpoints.filter(({ requests }) => requests >= minRequests);
  if (judged.length < minHosts) return [];
  const rates = judged.map((each) => 1 - failureShareOf(each));
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  const threshold = mean - Math.sqrt(variance) * stdev;
  return judged
    .filter((each) => 1 - failureShareOf(each) < threshold)
    .sort(byFailures)
    .map((each) => ({
      slot: each.slot,
      reason: 'success-rate',
      detail: `${percentText(1 - failureShareOf(each))} where ${percentText(threshold)} is the least`,
    }));
}

function judgeFailures(endpoints: readonly Performance[], { from, minHosts, minRequests }: FailureShareConfig): Verdict[] {
  const judged = endpoints.filter(({ requests }) => requests >= minRequests);
  if (judged.length < minHosts) return [];
  return judged
    .filter((each) => failureShareOf(each) >= from)
    .sort(byFailures)
    .map((each) => ({ slot: each.slot, reason: 'failure-share', detail: `${percentText(failureShareOf(each))} failed` }));
}

/** The median of the others: a slow endpoint does not raise what it is compared with, and no slow minority does. */
function judgeLatency(endpoints: readonly Performance[], { factor, minMs, minHosts, minRequests }: LatencyOutlierConfig): Verdict[] {
  const judged = endpoints.filter(({ requests, quantileMs }) => requests >= minRequests && quantileMs > 0);
  if (judged.length < minHosts) return [];
  const sorted = judged.map(({ quantileMs }) => quantileMs).sort((a, b) => a - b);
  return judged
    .filter(({ quantileMs }) => quantileMs > minMs && quantileMs > factor * medianWithout(sorted, quantileMs))
    .sort((a, b) => b.quantileMs - a.quantileMs)
    .map(({ slot, quantileMs }) => ({
      slot,
      reason: 'latency',
      detail: `${Math.round(quantileMs)} ms where the others have ${Math.round(medianWithout(sorted, quantileMs))} ms`,
    }));
}

function failureShareOf({ requests, failures }: Performance): number {
  return requests === 0 ? 0 : Math.min(1, failures / requests);
}

function byFailures(a: Performance, b: Performance): number {
  return failureShareOf(b) - failureShareOf(a);
}

/** The median of a sorted list that has lost one `value`. */
function medianWithout(sorted: readonly number[], value: number): number {
  const gone = sorted.indexOf(value);
  const at = (index: number): number => sorted[index < gone ? index : index + 1] ?? 0;
  const rest = sorted.length - 1;
  return (at(Math.floor((rest - 1) / 2)) + at(Math.floor(rest / 2))) / 2;
}

function percentText(share: number): string {
  return `${Math.round(share * 1000) / 10}%`;
}
