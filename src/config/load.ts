import { compileConfig } from './compile.ts';
import { expandReferences, type Expansion, type ReferenceSource } from './expand.ts';
import { findingsOf } from './issues.ts';
import { type ConfigPath, compareProblems, type Finding, formatPath, type Problem } from './problem.ts';
import { configSchema } from './schema.ts';
import { checkAcross, warnAcross } from './semantics.ts';
import type { GatewayConfig } from './types.ts';
import type { Locate, Place } from './yaml-source.ts';

export type LoadOptions = ReferenceSource & {
  /** As the user named it; stands in every problem. */
  readonly fileName: string;
};

export type LoadResult =
  | { readonly kind: 'ok'; readonly config: GatewayConfig; readonly warnings: readonly Problem[] }
  | { readonly kind: 'bad'; readonly problems: readonly Problem[] };

const MAX_MESSAGE = 500;
const NO_PLACE: Place = { line: 0, column: 0 };

/** A configuration that is an object already, as `sluice.config.ts` exports it; its problems have no line. */
export function parseConfigObject(value: unknown, options: LoadOptions): LoadResult {
  return parseConfigValue(value, options, () => NO_PLACE);
}

/** Unchecked value → frozen configuration, or everything that is wrong with it, in the order of the places that `locate` knows. */
export function parseConfigValue(value: unknown, options: LoadOptions, locate: Locate): LoadResult {
  const expanded = expandReferences(value, options);
  const report = (findings: readonly Finding[]): Problem[] =>
    findings.map((finding) => placed(finding, { file: options.fileName, locate, expansions: expanded.expansions })).sort(compareProblems);
  const parsed = configSchema.safeParse(expanded.value);
  const ofSchema = parsed.success ? [] : findingsOf(parsed.error.issues, expanded.value);
  const findings = firstPerPath([...expanded.findings, ...ofSchema, ...checkAcross(expanded.value)]);
  if (!parsed.success || findings.length > 0) return { kind: 'bad', problems: report(findings) };
  const compiled = compileConfig(parsed.data, (i) => locate(['routes', i], 'value').line);
  const config = Object.freeze({ ...compiled, outside: expanded.outside });
  return { kind: 'ok', config, warnings: report(warnAcross(expanded.value)) };
}

/** Of several findings about one path the first counts: the earlier stage knows better. */
function firstPerPath(findings: readonly Finding[]): Finding[] {
  const byPath = new Map<string, Finding>();
  for (const finding of findings) {
    const path = formatPath(finding.path);
    if (!byPath.has(path)) byPath.set(path, finding);
  }
  return [...byPath.values()];
}

type Report = { readonly file: string; readonly locate: Locate; readonly expansions: readonly Expansion[] };

function placed({ path, at, message, remedy }: Finding, { file, locate, expansions }: Report): Problem {
  const { line, column } = locate(path, at);
  const shown = shorten(redact(message, path, expansions));
  const problem = { file, line, column, path: formatPath(path), message: shown };
  return remedy === undefined ? problem : { ...problem, remedy: shorten(redact(remedy, path, expansions)) };
}

/** What came out of the environment or a file must not go into a message: it is shown as it was written. */
function redact(text: string, path: ConfigPath, expansions: readonly Expansion[]): string {
  let shown = text;
  for (const expansion of expansions) {
    const isSamePath = formatPath(expansion.path) === formatPath(path);
    // A short value elsewhere is left alone: replacing every "1" of a message would hide the message and no secret.
    if (expansion.value !== '' && (isSamePath || expansion.value.length >= 6))
      shown = shown.replaceAll(expansion.value, () => expansion.source);
  }
  return shown;
}

function shorten(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}
