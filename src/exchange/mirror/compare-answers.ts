import type { FailureKind } from '../../upstream/failure.ts';
import { type JsonDifferences, jsonDifferences, type ValuePair } from './json-differences.ts';

/** An answer as far as it is compared, its body decoded. */
export type CapturedAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** Those that are compared, by lower-case name. */
      readonly fields: Readonly<Record<string, string | undefined>>;
      readonly isJson: boolean;
      readonly body: Buffer;
      /** In all, of which `body` may be the first part only. */
      readonly bodyBytes: number;
    }
  | { readonly kind: 'failure'; readonly failure: FailureKind };

/** Which fields are looked at: all, or those named and what is in them, but for those to be ignored. */
export type ComparedFields = { readonly only: readonly string[]; readonly ignored: readonly string[] };

const JSON_TYPE = /^application\/(?:[\w.+-]*\+)?json\s*(?:;|$)/i;

export function isJsonType(contentType: string | undefined): boolean {
  return contentType !== undefined && JSON_TYPE.test(contentType);
}

/** Where two answers differ: `outcome`, `status`, `header.NAME`, `body` or a path in it. */
export function compareAnswers(left: CapturedAnswer, right: CapturedAnswer, fields: ComparedFields): ReadonlyMap<string, ValuePair> {
  const found = new Map<string, ValuePair>();
  for (const [path, pair] of allDifferences(left, right)) if (isCompared(path, fields)) found.set(path, pair);
  return found;
}

function* allDifferences(left: CapturedAnswer, right: CapturedAnswer): Generator<readonly [string, ValuePair]> {
  if (left.kind === 'failure' || right.kind === 'failure') {
    const outcomes = { left: outcomeOf(left), right: outcomeOf(right) };
    if (outcomes.left !== outcomes.right) yield ['outcome', outcomes];
    return;
  }
  if (left.status !== right.status) {
    // Whatever stands in such answers is something else.
    yield ['status', { left: left.status, right: right.status }];
    return;
  }
  for (const name of new Set([...Object.keys(left.fields), ...Object.keys(right.fields)])) {
    if (left.fields[name] !== right.fields[name]) yield [`header.${name}`, { left: left.fields[name], right: right.fields[name] }];
  }
  if (left.bodyBytes === right.bodyBytes && left.body.equals(right.body)) return;
  yield* jsonOf(left, right) ?? [['body', { left: describe(left), right: describe(right) }] as const];
}

function outcomeOf(answer: CapturedAnswer): string {
  return answer.kind === 'failure' ? answer.failure : 'answer';
}

type Answer = Extract<CapturedAnswer, { kind: 'answer' }>;

function jsonOf(left: Answer, right: Answer): JsonDifferences | undefined {
  if (!left.isJson || !right.isJson) return undefined;
  if (left.body.length < left.bodyBytes || right.body.length < right.bodyBytes) return undefined;
  try {
    return jsonDifferences(JSON.parse(left.body.toString()), JSON.parse(right.body.toString()), 'body');
  } catch {
    // It only says that it is JSON: then its bytes are compared.
    return undefined;
  }
}

function describe({ bodyBytes }: Answer): string {
  return `${bodyBytes} bytes`;
}

function isCompared(path: string, { only, ignored }: ComparedFields): boolean {
  if (ignored.some((field) => isIn(path, field))) return false;
  return only.length === 0 || only.some((field) => isIn(path, field));
}

function isIn(path: string, field: string): boolean {
  return path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`);
}
