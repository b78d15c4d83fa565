import type { SrvRecord } from 'node:dns';
import type { Standing } from './source.ts';

export type SrvTarget = { readonly name: string; readonly port: number; readonly standing: Standing };

const MAX_PRIORITY = 9;
const MAX_WEIGHT = 1000;

/**
 * RFC 2782: priorities count by their order only; a weight of 0 is little, not nothing; a target that is the root means that there is no such
 * service. What we call priority and weight has narrower bounds.
 */
export function targetsOf(records: readonly SrvRecord[]): SrvTarget[] {
  const usable = records.filter(({ name, port }) => name !== '' && name !== '.' && port > 0);
  const ranks = Array.from(new Set(usable.map(({ priority }) => priority))).sort((a, b) => a - b);
  const scale = Math.min(1, MAX_WEIGHT / Math.max(1, ...usable.map(({ weight }) => weight)));
  return usable.map(({ name, port, priority, weight }) => ({
    name,
    port,
    standing: { priority: Math.min(MAX_PRIORITY, ranks.indexOf(priority)), weight: Math.max(1, Math.round(weight * scale)), zone: '' },
  }));
}
