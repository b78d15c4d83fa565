import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { ConfigPath, Finding, PathStep } from './problem.ts';

/** Line and column from 1, or both 0 where there is no text. */
export type Place = { readonly line: number; readonly column: number };

/** Tells where a path stands in the text; of a path that does not exist, where its nearest ancestor does. */
export type Locate = (path: ConfigPath, at: Finding['at']) => Place;

export type PlacedMessage = Place & { readonly message: string };

export type YamlSource =
  | { readonly kind: 'ok'; readonly value: unknown; readonly locate: Locate }
  | { readonly kind: 'bad'; readonly messages: readonly PlacedMessage[] };

const MAX_TEXT_LENGTH = 8 * 2 ** 20;
const MAX_ALIASES = 1000;

/** YAML 1.2 text → plain value and the places of its parts, or all syntax errors. Refuses alias bombs and unknown tags. */
export function readYaml(text: string): YamlSource {
  if (text.length > MAX_TEXT_LENGTH) return badSource(`the file is larger than ${MAX_TEXT_LENGTH} characters`);
  try {
    return parseYaml(text);
  } catch (error) {
    // Alias bombs, aliases of nothing, and nesting deeper than the stack come as exceptions.
    return badSource(error instanceof RangeError ? 'is nested too deeply' : error instanceof Error ? error.message : String(error));
  }
}

function badSource(message: string): YamlSource {
  return { kind: 'bad', messages: [{ line: 1, column: 1, message }] };
}

function parseYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false, merge: true });
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const complaints = [...document.errors, ...document.warnings];
  if (complaints.length > 0) {
    return { kind: 'bad', messages: complaints.map(({ pos, message }) => ({ ...placeOf(pos[0]), message })) };
  }
  const root = isNode(document.contents) ? document.contents : null;
  const locate: Locate = (path, at) =>
    placeOf(offsetOf(root, path, { at, resolve: (node) => (isAlias(node) ? (node.resolve(document) ?? node) : node) }));
  return { kind: 'ok', value: document.toJS({ maxAliasCount: MAX_ALIASES }), locate };
}

type Search = { readonly at: Finding['at']; readonly resolve: (node: Node) => Node };

function offsetOf(root: Node | null, path: ConfigPath, { at, resolve }: Search): number {
  let node = root;
  let offset = node?.range?.[0] ?? 0;
  for (const [i, step] of path.entries()) {
    if (node === null) break;
    const child = childOf(resolve(node), step);
    if (child === undefined) break;
    const isKeyMeant = at === 'key' && i === path.length - 1;
    const place = isKeyMeant || child.value === null ? child.key : child.value;
    offset = place?.range?.[0] ?? offset;
    node = child.value;
  }
  return offset;
}

type Child = { readonly key: Node | null; readonly value: Node | null };

function childOf(node: Node, step: PathStep): Child | undefined {
  if (isSeq(node)) {
    const item = typeof step === 'number' ? node.items[step] : undefined;
    return isNode(item) ? { key: null, value: item } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
  if (pair === undefined) return undefined;
  return { key: isNode(pair.key) ? pair.key : null, value: isNode(pair.value) ? pair.value : null };
}
