import { registerHooks, stripTypeScriptTypes } from 'node:module';

/**
 * Makes plain stores to indexed cells steps too (`cells[i] = x`, `this.#cells[i] += x`), in the files of one folder that are
 * imported after the call: what is done under a lock is plain, and a thread can end between any two of its stores. The
 * source is rewritten as it is loaded; each such statement calls `globalThis.plainStep` first. `but`: files whose arrays are
 * not shared.
 */
export function makePlainStoresSteps(folder: URL, but: readonly string[] = []): void {
  globalThis.plainStep = () => {};
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const isMeant = url.startsWith(folder.href) && url.endsWith('.ts') && !but.some((name) => url.endsWith(`/${name}`));
      if (!isMeant || loaded.source == null) return loaded;
      const source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
      const stripped = loaded.format === 'module' ? source : stripTypeScriptTypes(source);
      return { ...loaded, format: 'module', source: withPlainSteps(stripped) };
    },
  });
}

/** Files of `src/shm` with arrays of their thread's own, or used before there are threads. */
export const NOT_SHARED = ['keyed-hash.ts', 'segment.ts'] as const;

declare global {
  var plainStep: (() => void) | undefined;
}

/** A target of a store at the begin of a statement, up to its first bracket. */
const TARGET = /(^|[;{})]|\belse)(\s*)((?:this\.)?#?[\w$]+(?:\.#?[\w$]+)*)\[/gm;

export function withPlainSteps(source: string): string {
  return source.replace(TARGET, (whole, before: string, space: string, name: string, at: number) => {
    const bracket = at + whole.length - 1;
    const isStore = /^\s*(?:[-+*|&^]|<<|>>>?)?=(?!=)/.test(source.slice(endOfBrackets(source, bracket)));
    return isStore ? `${before}${space}globalThis.plainStep(), ${name}[` : whole;
  });
}

/** The place behind the bracket that closes the one at `from`. */
function endOfBrackets(source: string, from: number): number {
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    if (source[at] === '[') depth += 1;
    if (source[at] === ']') depth -= 1;
    if (depth === 0) return at + 1;
  }
  return source.length;
}
