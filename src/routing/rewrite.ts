import type { Captures } from './captures.ts';
import { normaliseEscapes } from './normalise.ts';
import { type PathPattern, REST } from './pattern.ts';
import type { RouteQuery } from './query.ts';

/**
 * The target to forward: a path made of what the pattern took, and the query as it came. Bytes of captures are put in as they
 * are: they come from a normalised path, so they hold neither `?` nor a dot segment.
 */
export type TargetRewrite = (captures: Captures, query: Pick<RouteQuery, 'queryText'>) => string;

export type CompiledRewrite =
  /** `rewrite` is `null` where the target is forwarded as it was received. */
  | { readonly kind: 'ok'; readonly rewrite: TargetRewrite | null }
  /** `column` counts from 1 within the template. */
  | { readonly kind: 'bad'; readonly column: number; readonly message: string };

/** What a route says of the path to forward. A `RouteConfig` is one. */
export type RewriteSource = { readonly stripPrefix: boolean; readonly rewritePath: string | undefined };

/** A literal, or the index of a capture. */
type Part = string | number;
type Template =
  | { readonly kind: 'ok'; readonly parts: readonly Part[] }
  | { readonly kind: 'bad'; readonly column: number; readonly message: string };

const bad = (column: number, message: string) => ({ kind: 'bad', column, message }) as const;

export function compileRewrite(pattern: PathPattern, source: RewriteSource): CompiledRewrite {
  if (source.rewritePath === undefined) {
    return { kind: 'ok', rewrite: source.stripPrefix && pattern.literalPrefix !== '' ? strip(pattern.literalPrefix.length) : null };
  }
  if (source.stripPrefix) return bad(1, 'a route has stripPrefix or rewrite.path, not both');
  const template = parseTemplate(source.rewritePath, pattern);
  return template.kind === 'bad' ? template : { kind: 'ok', rewrite: fill(template.parts, pattern) };
}

/** `/api/x` without `/api` is `/x`, `/api` alone is `/`. The asterisk-form has no prefix. */
function strip(prefixLength: number): TargetRewrite {
  return (captures, { queryText }) => (captures.path.substring(prefixLength) || '/') + queryText;
}

function parseTemplate(source: string, pattern: PathPattern): Template {
  if (!source.startsWith('/')) return bad(1, 'a path to forward begins with /');
  const foreign = source.search(/[\0-\x20\x7f?#]/);
  if (foreign !== -1) return bad(foreign + 1, `${JSON.stringify(source.charAt(foreign))} cannot be in a path; the query is kept as it is`);
  const parts: Part[] = [];
  for (let at = 0; at < source.length; ) {
    const open = source.indexOf('{', at);
    const literal = literalPart(source, at, open === -1 ? source.length : open);
    if (typeof literal !== 'string') return literal;
    if (literal !== '') parts.push(literal);
    if (open === -1) break;
    const close = source.indexOf('}', open);
    if (close === -1) return bad(open + 1, '{ without }');
    const index = pattern.captures.indexOf(source.slice(open + 1, close));
    if (index === -1) return bad(open + 1, unknownName(source.slice(open + 1, close), pattern));
    parts.push(index);
    at = close + 1;
  }
  return { kind: 'ok', parts };
}

function literalPart(source: string, start: number, end: number): string | Extract<Template, { kind: 'bad' }> {
  const text = source.slice(start, end);
  const mark = text.search(/[}*]/);
  if (mark !== -1) return bad(start + mark + 1, `${text.charAt(mark)} has no meaning here; {rest} is what the last * took`);
  return (
    normaliseEscapes(Buffer.from(text, 'utf8').toString('latin1')) ??
    bad(start + text.indexOf('%') + 1, 'a malformed percent-escape, or %00')
  );
}

function unknownName(name: string, pattern: PathPattern): string {
  const names = pattern.captures.flatMap((known) => (known === undefined ? [] : [`{${known}}`]));
  return `{${name}} is not in ${pattern.source}, which has ${names.length === 0 ? 'no captures' : names.join(', ')}`;
}

function fill(parts: readonly Part[], pattern: PathPattern): TargetRewrite {
  const restIndex = pattern.captures.indexOf(REST);
  const endsInRest = pattern.hasTail && parts.at(-1) === restIndex && String(parts.at(-2) ?? '').endsWith('/');
  return (captures, { queryText }) => {
    if (captures.path === '*') return '*';
    let path = '';
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      if (typeof part === 'string') path += part;
      else if (part !== undefined) path += captures.text(part);
    }
    // `/api` matched `/api/*` without the slash, so `/v1/{rest}` is `/v1` and not `/v1/`.
    return endsInRest && path.length > 1 && isBare(captures, restIndex) ? path.slice(0, -1) + queryText : path + queryText;
  };
}

/** The path ended before the slash that stands in front of the last `*`. */
function isBare(captures: Captures, restIndex: number): boolean {
  return captures.bounds[restIndex * 2] === captures.path.length && !captures.path.endsWith('/');
}
