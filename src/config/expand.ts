import type { ConfigPath, Finding, PathStep } from './problem.ts';

/** Where the values of references come from. Nothing here reads the world by itself. */
export type ReferenceSource = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a secret; throws where it cannot. Not given: `${file:…}` is an error. */
  readonly readSecret?: ((path: string) => string) | undefined;
};

/** A text that held a reference: what it became, and what stood there. Problems show the latter. */
export type Expansion = { readonly path: ConfigPath; readonly value: string; readonly source: string };

/** A text that came from outside of the configuration, or that has one in it, and what stands there in its place. It may be a secret. */
export type OutsideText = { readonly value: string; readonly source: string };

export type Expanded = {
  readonly value: unknown;
  readonly findings: readonly Finding[];
  readonly expansions: readonly Expansion[];
  readonly outside: readonly OutsideText[];
};

/** What is shorter is taken for the secret only where it is the whole text: to replace each `1` would hide no secret. */
const MIN_PART_CHARS = 6;
const REFERENCE = /\$\$\{|\$\{([a-z]+):([^}]*)\}/g;
const MAX_DEPTH = 32;

/**
 * Replaces `${env:NAME}`, `${env:NAME:-default}` (the default also for an empty variable, as in a shell) and `${file:PATH}`
 * (without its last line break) in every text; `$${` stands for `${`. Keys are left alone. The result is a copy of plain
 * objects without prototype tricks: `__proto__` as a key is refused, and so is nesting that no configuration has.
 */
export function expandReferences(root: unknown, from: ReferenceSource): Expanded {
  const findings: Finding[] = [];
  const expansions: Expansion[] = [];
  const outside: OutsideText[] = [];

  const walk = (value: unknown, path: ConfigPath): unknown => {
    if (typeof value === 'string') return expandText(value, path);
    if (typeof value !== 'object' || value === null) return value;
    if (path.length > MAX_DEPTH) {
      findings.push({ path, at: 'value', message: `is nested deeper than ${MAX_DEPTH} levels` });
      return undefined;
    }
    if (Array.isArray(value)) return value.map((item: unknown, i) => walk(item, [...path, i]));
    return Object.fromEntries(entriesOf(value, path));
  };

  const entriesOf = (value: object, path: ConfigPath): [string, unknown][] => {
    const entries: [string, unknown][] = [];
    for (const [key, part] of Object.entries(value)) {
      const at: PathStep[] = [...path, key];
      if (key === '__proto__') findings.push({ path: at, at: 'key', message: 'is not allowed as a key' });
      else entries.push([key, walk(part, at)]);
    }
    return entries;
  };

  const expandText = (text: string, path: ConfigPath): string => {
    if (!text.includes('${')) return text;
    const known = outside.length;
    const value = text.replace(REFERENCE, (whole: string, kind: string | undefined, name: string) => {
      if (kind === undefined) return '${';
      const found = resolve(kind, name, from);
      if (found.kind === 'ok') {
        if (!found.isWritten && found.value !== '') outside.push(Object.freeze({ value: found.value, source: whole }));
        return found.value;
      }
      findings.push({ path, at: 'value', message: `${whole} ${found.message}`, remedy: found.remedy });
      return whole;
    });
    expansions.push({ path, value, source: text });
    // The whole text before its parts, so that it is shown as it was written.
    if (outside.length > known) outside.splice(known, 0, Object.freeze({ value, source: text }));
    return value;
  };

  return { value: walk(root, []), findings, expansions, outside: Object.freeze(outside) };
}

/** `isWritten`: it is the default, which stands in the configuration itself. */
type Resolved = { kind: 'ok'; value: string; isWritten: boolean } | { kind: 'bad'; message: string; remedy?: string };

function resolve(kind: string, name: string, from: ReferenceSource): Resolved {
  if (kind === 'env') return resolveEnv(name, from.env);
  if (kind === 'file') return resolveFile(name, from.readSecret);
  return { kind: 'bad', message: 'is not a known reference', remedy: `use \${env:NAME} or \${file:PATH}, or write $\${ for a literal \${` };
}

function resolveEnv(text: string, env: ReferenceSource['env']): Resolved {
  const parts = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(text);
  const name = parts?.[1];
  if (name === undefined) return { kind: 'bad', message: 'does not name an environment variable' };
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  const byDefault = parts?.[2];
  if (value !== undefined && (value !== '' || byDefault === undefined)) return { kind: 'ok', value, isWritten: false };
  if (byDefault !== undefined) return { kind: 'ok', value: byDefault, isWritten: true };
  return { kind: 'bad', message: 'is not set in the environment', remedy: `set ${name}, or give a default: \${env:${name}:-value}` };
}

function resolveFile(path: string, readSecret: ReferenceSource['readSecret']): Resolved {
  if (readSecret === undefined) return { kind: 'bad', message: 'cannot be read here' };
  try {
    return { kind: 'ok', value: readSecret(path).replace(/\r?\n$/, ''), isWritten: false };
  } catch (error) {
    return { kind: 'bad', message: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** A text that is to be shown, with what was written in place of what came from outside. */
export function textAsWritten(text: string, outside: readonly OutsideText[]): string {
  const whole = outside.find(({ value }) => value === text);
  if (whole !== undefined) return whole.source;
  let shown = text;
  for (const { value, source } of outside) if (value.length >= MIN_PART_CHARS) shown = shown.replaceAll(value, () => source);
  return shown;
}
