import type { PathPattern } from './pattern.ts';
import type { CompiledRoute } from './route.ts';

const SLASH = 0x2f;
/** Up to this many literals are compared one by one; that allocates nothing, and beyond it a map is faster. */
const MAX_LINEAR = 8;

/** A place in the tree of segments. One shape. */
export class TreeNode<T> {
  /** The literal that leads here; `''` too for what a capture leads to. */
  readonly text: string;
  readonly literals: TreeNode<T>[] = [];
  byText: Map<string, TreeNode<T>> | null = null;
  capture: TreeNode<T> | null = null;
  /** Routes whose pattern ends here, in the order of asking. */
  readonly end: CompiledRoute<T>[] = [];
  /** Routes whose last `*` stands here, in the order of asking. */
  readonly tail: CompiledRoute<T>[] = [];

  constructor(text: string) {
    this.text = text;
  }
}

/** All routes of one host. Exact paths are in a map; they win against every other that matches the same path. */
export class PathTree<T> {
  exact: Map<string, CompiledRoute<T>[]> | null = null;
  readonly root = new TreeNode<T>('');

  /** In the order of asking. */
  add(route: CompiledRoute<T>): void {
    if (route.pattern.isExact) {
      this.exact ??= new Map();
      const same = this.exact.get(route.pattern.literalPrefix);
      if (same === undefined) this.exact.set(route.pattern.literalPrefix, [route]);
      else same.push(route);
      return;
    }
    const node = this.#nodeFor(route.pattern);
    (route.pattern.hasTail ? node.tail : node.end).push(route);
  }

  #nodeFor(pattern: PathPattern): TreeNode<T> {
    let node = this.root;
    for (const segment of pattern.segments) {
      if (segment.kind === 'literal') node = childFor(node, segment.text);
      else {
        node.capture ??= new TreeNode('');
        node = node.capture;
      }
    }
    return node;
  }
}

function childFor<T>(node: TreeNode<T>, text: string): TreeNode<T> {
  const known = node.byText?.get(text) ?? node.literals.find((child) => child.text === text);
  if (known !== undefined) return known;
  const child = new TreeNode<T>(text);
  node.literals.push(child);
  if (node.literals.length > MAX_LINEAR) {
    node.byText ??= new Map(node.literals.map((other) => [other.text, other]));
    node.byText.set(text, child);
  }
  return child;
}

/** The child whose literal is the segment that begins at `at`. */
export function literalAt<T>(node: TreeNode<T>, path: string, at: number): TreeNode<T> | null {
  if (node.byText !== null) return node.byText.get(path.substring(at, segmentEnd(path, at))) ?? null;
  for (let i = 0; i < node.literals.length; i++) {
    const child = node.literals[i];
    if (child === undefined || !path.startsWith(child.text, at)) continue;
    const end = at + child.text.length;
    if (end === path.length || path.charCodeAt(end) === SLASH) return child;
  }
  return null;
}

export function segmentEnd(path: string, at: number): number {
  const slash = path.indexOf('/', at);
  return slash === -1 ? path.length : slash;
}
