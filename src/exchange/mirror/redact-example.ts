/** What is kept of a difference for people to look at. */
export type DifferenceExample = { readonly request: string; readonly live: string; readonly shadow: string };

const MAX_TEXT = 200;
const REDACTED = '(redacted)';
const SECRET_NAME = /pass|pwd|token|secret|auth|cookie|session|credential|signature|jwt|api.?key|private|\bsid\b|\bkey\b|\bcode\b/i;

/** A value at `path`, cut short, or nothing of it where the name of a field says that it is a secret. */
export function exampleText(path: string, value: unknown): string {
  if (SECRET_NAME.test(path)) return REDACTED;
  if (value === undefined) return '(none)';
  const text = JSON.stringify(value, (name, inner: unknown) => (SECRET_NAME.test(name) ? REDACTED : inner)) ?? '';
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

/** Method and target, with the values of secret parameters left out. `secrets`: names that are secrets by the configuration. */
export function exampleRequest(method: string, target: string, secrets: readonly string[]): string {
  const mark = target.indexOf('?');
  if (mark < 0) return `${method} ${target.slice(0, MAX_TEXT)}`;
  const pairs = target.slice(mark + 1).split('&');
  const query = pairs.map((pair) => {
    const [name = ''] = pair.split('=', 1);
    return SECRET_NAME.test(decoded(name)) || secrets.includes(decoded(name)) ? `${name}=${REDACTED}` : pair;
  });
  return `${method} ${target.slice(0, mark)}?${query.join('&')}`.slice(0, 2 * MAX_TEXT);
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
