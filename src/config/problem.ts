/**
 * What is wrong with a configuration, and where. `line` and `column` count from 1; both are 0 where there is no text, as in a
 * configuration written in TypeScript.
 */
export type Problem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** As a person would write it: `routes[0].match.path`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to do about it, in the imperative or as a question; absent where the message says it. */
  readonly remedy?: string;
};

/** A step into the configuration: the key of a mapping or the position in a list. */
export type PathStep = string | number;
export type ConfigPath = readonly PathStep[];

/** A problem whose place is still a path; `at` tells whether its key or its value is meant. */
export type Finding = {
  readonly path: ConfigPath;
  readonly at: 'key' | 'value';
  readonly message: string;
  readonly remedy?: string | undefined;
};

/** What a parser of one value answers. */
export type Parsed<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly message: string; readonly remedy?: string };

export function good<T>(value: T): Parsed<T> {
  return { kind: 'ok', value };
}

export function bad<T>(message: string, remedy?: string): Parsed<T> {
  return remedy === undefined ? { kind: 'bad', message } : { kind: 'bad', message, remedy };
}

/** `sluice.yaml:12:5: routes[0].upsteam: unknown key; did you mean "upstream"?` */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  const subject = problem.path === '' ? '' : `${problem.path}: `;
  const remedy = problem.remedy === undefined ? '' : `; ${problem.remedy}`;
  return `${place}: ${subject}${problem.message}${remedy}`;
}

/** `['routes', 0, 'match', 'x-a b']` → `routes[0].match["x-a b"]`. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** The order of the file, then of the path. */
export function compareProblems(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column || a.path.localeCompare(b.path);
}
