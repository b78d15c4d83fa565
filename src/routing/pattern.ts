import { normaliseEscapes } from './normalise.ts';

/** `any`: exactly one segment, not empty; `name` is `undefined` for a `*`. */
export type Segment = { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'any'; readonly name: string | undefined };

/**
 * A parsed path pattern. `/a/b` matches itself alone. `{name}` and a `*` that is not last take one segment that is not
 * empty. A last `*` takes what is left: `/api/*` matches `/api`, `/api/` and all below; its capture is called `rest`.
 */
export type PathPattern = {
  readonly source: string;
  /** Without the last `*`. Literals are in the spelling of `normalisePath`. */
  readonly segments: readonly Segment[];
  /** Ends in `*`. */
  readonly hasTail: boolean;
  /** No capture and no tail: one path. */
  readonly isExact: boolean;
  /** Names by position in `Captures`; `undefined` where the pattern has a `*`. The tail is last and called `rest`. */
  readonly captures: readonly (string | undefined)[];
  /** The leading literal segments with their slashes, `''` if there are none; what `stripPrefix` removes. */
  readonly literalPrefix: string;
};

export type ParsedPattern =
  | { readonly kind: 'ok'; readonly pattern: PathPattern }
  /** `column` counts from 1 within the pattern. */
  | { readonly kind: 'bad'; readonly column: number; readonly message: string };

export const REST = 'rest';

const NAME = /^\{([A-Za-z_][A-Za-z0-9_-]*)\}$/;
/** What no request path can hold; `?` and `#` end a path. */
const NOT_IN_PATH = /[\0-\x20\x7f?#]/;

const bad = (column: number, message: string): ParsedPattern => ({ kind: 'bad', column, message });

/** Parses once, at load. Text above ASCII stands for its UTF-8 bytes, escaped. */
export function parsePattern(source: string): ParsedPattern {
  if (!source.startsWith('/')) return bad(1, 'a path pattern begins with /');
  const foreign = source.search(NOT_IN_PATH);
  if (foreign !== -1) return bad(foreign + 1, `${JSON.stringify(source.charAt(foreign))} cannot be in a path; match the query with query:`);
  const texts = source.slice(1).split('/');
  const hasTail = texts.at(-1) === '*';
  const segments: Segment[] = [];
  let column = 2;
  for (const text of hasTail ? texts.slice(0, -1) : texts) {
    const segment = parseSegment(text);
    if ('message' in segment) return bad(column + segment.offset, segment.message);
    if (segment.kind === 'any' && segment.name !== undefined) {
      const isTaken = segments.some((other) => other.kind === 'any' && other.name === segment.name) || (hasTail && segment.name === REST);
      if (isTaken) return bad(column, `{${segment.name}} is named twice${segment.name === REST ? ' (the last * is called rest)' : ''}`);
    }
    segments.push(segment);
    column += text.length + 1;
  }
  return { kind: 'ok', pattern: patternOf(source, segments, hasTail) };
}

function parseSegment(text: string): Segment | { readonly offset: number; readonly message: string } {
  if (text === '*') return { kind: 'any', name: undefined };
  const name = NAME.exec(text)?.[1];
  if (name !== undefined) return { kind: 'any', name };
  const mark = text.search(/[*{}]/);
  if (mark !== -1)
    return { offset: mark, message: `a segment is a text, * or {name} as a whole; the last * takes the rest: ${JSON.stringify(text)}` };
  const normal = normaliseEscapes(Buffer.from(text, 'utf8').toString('latin1'));
  if (normal === undefined) return { offset: text.indexOf('%'), message: 'a malformed percent-escape, or %00' };
  if (normal === '.' || normal === '..')
    return { offset: 0, message: 'dot segments are resolved before a path is matched: write the path without them' };
  return { kind: 'literal', text: normal };
}

function patternOf(source: string, segments: readonly Segment[], hasTail: boolean): PathPattern {
  const names = segments.flatMap((segment) => (segment.kind === 'any' ? [segment.name] : []));
  let literalPrefix = '';
  for (const segment of segments) {
    if (segment.kind === 'any') break;
    literalPrefix += `/${segment.text}`;
  }
  return {
    source,
    segments,
    hasTail,
    isExact: names.length === 0 && !hasTail,
    captures: hasTail ? [...names, REST] : names,
    literalPrefix,
  };
}

/**
 * Which pattern is asked first: negative if `a`. Segment by segment a literal goes before `{name}` and `*`, these before the
 * last `*`; so the exact path is first and of two prefixes the longer. 0 = the same shape with the same literals.
 */
export function comparePatterns(a: PathPattern, b: PathPattern): number {
  for (let i = 0; i <= Math.min(a.segments.length, b.segments.length); i++) {
    const byRank = rankAt(b, i) - rankAt(a, i);
    if (byRank !== 0) return byRank;
    const [ours, theirs] = [a.segments[i], b.segments[i]];
    // Different literals never match the same path; any fixed order of them will do.
    if (ours?.kind === 'literal' && theirs?.kind === 'literal' && ours.text !== theirs.text) return ours.text < theirs.text ? -1 : 1;
  }
  return 0;
}

function rankAt(pattern: PathPattern, index: number): number {
  const segment = pattern.segments[index];
  if (segment !== undefined) return segment.kind === 'literal' ? 3 : 2;
  return pattern.hasTail ? 1 : 4;
}
