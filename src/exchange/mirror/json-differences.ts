/** Values looked at in two documents, and how deep: what is larger is compared as bytes. */
const MAX_NODES = 20_000;
const MAX_DEPTH = 64;
const MAX_NAME_LENGTH = 100;

export type ValuePair = { readonly left: unknown; readonly right: unknown };

/** By path, the first pair of values that differ there. */
export type JsonDifferences = ReadonlyMap<string, ValuePair>;

/**
 * Where two JSON values differ. Elements of an array are one path, `items[].price`, since what is at which index says little of a field; a different
 * number of them is one more, `items.#`. What one side has not is a difference of its own path. `undefined`: they are too large.
 */
export function jsonDifferences(left: unknown, right: unknown, path: string): JsonDifferences | undefined {
  const found = new Map<string, ValuePair>();
  return walk({ left, right }, path, { found, nodes: 0, depth: 0 }) ? found : undefined;
}

type Walk = { readonly found: Map<string, ValuePair>; nodes: number; depth: number };

/** False: too large. */
function walk(pair: ValuePair, path: string, state: Walk): boolean {
  state.nodes += 1;
  if (state.nodes > MAX_NODES || state.depth > MAX_DEPTH) return false;
  const { left, right } = pair;
  if (Object.is(left, right)) return true;
  state.depth += 1;
  const isDone = walkInto(pair, path, state);
  state.depth -= 1;
  return isDone;
}

function walkInto({ left, right }: ValuePair, path: string, state: Walk): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    if (left.length !== right.length) note(state, `${path}.#`, { left: left.length, right: right.length });
    const shared = Math.min(left.length, right.length);
    for (let i = 0; i < shared; i += 1) if (!walk({ left: left[i], right: right[i] }, `${path}[]`, state)) return false;
    return true;
  }
  if (isObject(left) && isObject(right)) {
    for (const name of Object.keys(left)) if (!walkName(left, right, { name, path }, state)) return false;
    for (const name of Object.keys(right)) if (!Object.hasOwn(left, name) && !walkName(left, right, { name, path }, state)) return false;
    return true;
  }
  note(state, path, { left, right });
  return true;
}

type Step = { readonly name: string; readonly path: string };

function walkName(left: JsonObject, right: JsonObject, { name, path }: Step, state: Walk): boolean {
  const pair = { left: Object.hasOwn(left, name) ? left[name] : undefined, right: Object.hasOwn(right, name) ? right[name] : undefined };
  return walk(pair, `${path}.${name.slice(0, MAX_NAME_LENGTH)}`, state);
}

function note({ found }: Walk, path: string, pair: ValuePair): void {
  if (!found.has(path)) found.set(path, pair);
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
