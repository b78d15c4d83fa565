import { pathToFileURL } from 'node:url';
import type { Filter, LoadedFilters } from '../exchange/filters.ts';
import { summarizeError } from './faults.ts';
import { property } from './property.ts';

export type FiltersLoaded =
  | { readonly kind: 'ok'; readonly filters: LoadedFilters }
  /** `reason` names the file and what was wrong with it. */
  | { readonly kind: 'bad'; readonly reason: string };

const PHASES = ['request', 'upstreamRequest', 'response', 'finish'] as const;

/**
 * Imports the user's modules on this thread. `modules`: path as written to absolute path. A module is imported anew for
 * each generation, so its top-level state begins afresh; what it imports itself stays cached by Node.
 */
export async function loadFilters(modules: Readonly<Record<string, string>>, generation: number): Promise<FiltersLoaded> {
  const filters = new Map<string, Filter>();
  for (const [written, path] of Object.entries(modules)) {
    const url = pathToFileURL(path);
    url.searchParams.set('generation', String(generation));
    try {
      const namespace: unknown = await import(url.href);
      const filter = filterOf(namespace);
      if (typeof filter === 'string') return { kind: 'bad', reason: `filter ${written} (${path}): ${filter}` };
      filters.set(written, filter);
    } catch (error) {
      return { kind: 'bad', reason: `filter ${written} (${path}) does not load: ${summarizeError(error)}` };
    }
  }
  return { kind: 'ok', filters };
}

/** The filter that a module exports, or what is wrong with it. */
function filterOf(namespace: unknown): Filter | string {
  const exported = property(namespace, 'default') ?? property(namespace, 'filter');
  if (typeof exported !== 'object' || exported === null) return 'exports no filter, neither as default nor as `filter`';
  let phases = 0;
  for (const phase of PHASES) {
    const value = property(exported, phase);
    if (value === undefined) continue;
    if (typeof value !== 'function') return `\`${phase}\` is not a function`;
    phases++;
  }
  if (phases === 0) return `has none of the phases ${PHASES.join(', ')}`;
  return exported satisfies Filter;
}
