import { asList, asMap } from '../../config/raw.ts';
import type { EndpointConfig } from '../../config/types.ts';
import { endpointOf } from './source.ts';

const MAX_WEIGHT = 1000;

/** `/v1/health/service/NAME` → endpoints; text when it is no such answer. An instance has its own address, or that of its node. */
export function readConsul(answer: unknown): readonly EndpointConfig[] | string {
  if (!Array.isArray(answer)) return 'the answer is no list';
  return asList(answer).flatMap((entry) => {
    const [service, node] = [asMap(asMap(entry)['Service']), asMap(asMap(entry)['Node'])];
    const address = textOf(service['Address']) || textOf(node['Address']);
    const isWarned = asList(asMap(entry)['Checks']).some((check) => asMap(check)['Status'] === 'warning');
    const weights = asMap(service['Weights']);
    const weight = Number(weights[isWarned ? 'Warning' : 'Passing'] ?? 1);
    const zone = textOf(asMap(service['Meta'])['zone']);
    return endpointOf(address, Number(service['Port']), {
      weight: Number.isInteger(weight) ? Math.min(MAX_WEIGHT, Math.max(1, weight)) : 1,
      priority: 0,
      zone,
    });
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
