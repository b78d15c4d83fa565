import { pathToFileURL } from 'node:url';

/** Module path as written in the configuration to the module's namespace, whose shape `exchange` checks. */
export type FilterModules = ReadonlyMap<string, unknown>;

export type FiltersLoaded =
  | { readonly kind: 'ok'; readonly modules: FilterModules }
  /** `reason` names the file and what was wrong with it. */
  | { readonly kind: 'bad'; readonly reason: string };

/**
 * Imports the user's modules on this thread. `modules`: path as written to absolute path. A module that is imported anew
 * at each generation sees its own top-level state begin afresh; what it imports itself is cached by Node as ever.
 */
export async function loadFilters(modules: Readonly<Record<string, string>>, generation: number): Promise<FiltersLoaded> {
  const loaded = new Map<string, unknown>();
  for (const [written, path] of Object.entries(modules)) {
    const url = pathToFileURL(path);
    url.searchParams.set('generation', String(generation));
    try {
      loaded.set(written, await import(url.href));
    } catch (error) {
      return { kind: 'bad', reason: `filter ${written} (${path}) does not load: ${describe(error)}` };
    }
  }
  return { kind: 'ok', modules: loaded };
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
