import type { z } from 'zod';
import { keysAt, placesOfKey } from './json-schema.ts';
import type { ConfigPath, Finding, PathStep } from './problem.ts';
import { rawAt } from './raw.ts';
import { didYouMean } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** What the schema complained about, in the words of this project and with the path from the root. `raw` is what was checked. */
export function findingsOf(issues: readonly Issue[], raw: unknown): Finding[] {
  return issues.flatMap((issue) => findingsOfIssue(issue, [], raw));
}

function findingsOfIssue(issue: Issue, base: ConfigPath, raw: unknown): Finding[] {
  const path = [...base, ...stepsOf(issue.path)];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
  if (issue.code === 'invalid_key') {
    const inner = issue.issues[0];
    return [{ path, at: 'key', message: inner?.message ?? issue.message, remedy: inner === undefined ? undefined : remedyOf(inner) }];
  }
  const isPlanned = issue.code === 'invalid_type' && issue.expected === 'never';
  if (isPlanned) return [{ path, at: 'key', message: issue.message }];
  const value = rawAt(raw, path);
  if (value === undefined && issue.code !== 'custom') return [{ path, at: 'value', message: 'is required' }];
  if (value === null) return [{ path, at: 'key', message: 'has no value', remedy: 'give one or remove the key' }];
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors);
    if (branch !== undefined) return branch.flatMap((inner) => findingsOfIssue(inner, path, raw));
  }
  return [{ path, at: 'value', message: messageOf(issue), remedy: remedyOf(issue) }];
}

function stepsOf(path: readonly PropertyKey[]): PathStep[] {
  return path.map((step) => (typeof step === 'number' ? step : String(step)));
}

/** The alternative that took the value for its own: one whose complaint goes beyond "this is of another kind". */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) => issues.length > 0 && !issues.some(isAboutKind));
}

function isAboutKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_union') return meantBranch(issue.errors) === undefined;
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

const KINDS: Readonly<Record<string, string>> = { object: 'a mapping', record: 'a mapping', array: 'a list', string: 'text' };

function messageOf(issue: Issue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input'))
    return `must be ${KINDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'too_big')
    return issue.message.startsWith('Too big') ? `must not have more than ${issue.maximum} entries` : issue.message;
  return issue.message;
}

function remedyOf(issue: Issue): string | undefined {
  const remedy: unknown = issue.code === 'custom' ? issue.params?.['remedy'] : undefined;
  return typeof remedy === 'string' ? remedy : undefined;
}

function unknownKey(path: ConfigPath, key: string): Finding {
  const suggestion = didYouMean(key, keysAt(path));
  const elsewhere = suggestion === undefined ? placesOfKey(key)[0] : undefined;
  const remedy = suggestion ?? (elsewhere === undefined ? undefined : `it belongs to ${elsewhere}`);
  return { path: [...path, key], at: 'key', message: 'unknown key', remedy };
}
