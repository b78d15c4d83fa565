import { compileFieldEdits, type FieldEditRules, type FieldEdits, isDroppedByEdits } from './field-edits.ts';
import { valueInBlock } from './fields.ts';
import { DROP, keptLines, keptLinesByName, type NominatingHead } from './kept-lines.ts';
import { FIELD_CONTENT_LENGTH, FIELD_DATE, FIELD_KINDS, FIELD_LOCATION, isHopByHop } from './known-fields.ts';
import { rewriteLocation } from './redirect.ts';
import { MINORS } from './status.ts';

/** The part of a `ResponseHead` that the builder reads. */
export type AnswerHead = NominatingHead & { readonly minor: number };

/** What a route says about answers, as configured. */
export type ResponseSettings = {
  readonly responseFields: FieldEditRules;
  readonly redirects: 'keep' | 'rewrite';
  /** This gateway in `Via`. */
  readonly pseudonym: string;
};

/** The same made ready at load; frozen. */
export type ResponsePolicy = {
  readonly edits: FieldEdits | undefined;
  readonly actions: Uint8Array;
  readonly rewritesRedirects: boolean;
  /** The rules remove `Date` or set their own. */
  readonly suppressesDate: boolean;
  /** The `Via` line, by the minor version that the answer came in; `''` if the rules remove it. */
  readonly vias: readonly string[];
};

/** What one exchange adds. A hot object, every field set before each use. */
export class ResponseFacts {
  /** IMF-fixdate of now. */
  date = '';
  /** Host[:port] of the endpoint that answered; the last two are read only where redirects are rewritten. */
  upstreamAuthority = '';
  /** Scheme and authority by which the client knows this gateway, as `https://api.example.com`. */
  clientOrigin = '';
}

export function compileResponsePolicy(settings: ResponseSettings): ResponsePolicy {
  const edits = compileFieldEdits(settings.responseFields);
  const actions = new Uint8Array(FIELD_KINDS);
  for (let kind = 0; kind < FIELD_KINDS; kind++) if (isHopByHop(kind) || kind === FIELD_CONTENT_LENGTH) actions[kind] = DROP;
  const rewritesRedirects = settings.redirects === 'rewrite' && passesEdits(edits, 'location');
  if (rewritesRedirects) actions[FIELD_LOCATION] = DROP;
  const hasVia = !edits?.drops.has('via');
  return Object.freeze({
    edits,
    actions,
    rewritesRedirects,
    suppressesDate: edits?.drops.has('date') ?? false,
    vias: MINORS.map((minor) => (hasVia ? `Via: 1.${minor} ${settings.pseudonym}\r\n` : '')),
  });
}

/**
 * The field lines of an origin's answer for the client: whole lines, without framing and connection fields, which the engine
 * writes. Fields of the hop and those that `Connection` nominates are left out, `Via` is added (RFC 9110 7.6.3), and `Date`
 * where the origin has none (6.6.1).
 */
export function buildClientBlock(head: AnswerHead, policy: ResponsePolicy, facts: ResponseFacts): string {
  const edits = policy.edits;
  const isByName = head.hasNominated || edits !== undefined;
  const kept = isByName ? keptLinesByName(head, policy.actions, edits) : keptLines(head, policy.actions);
  const hasDate = isByName ? valueInBlock(kept, 'date') !== undefined : hasKind(head, FIELD_DATE);
  return (
    kept +
    (policy.rewritesRedirects ? locationLines(head, facts) : '') +
    (hasDate || policy.suppressesDate ? '' : `Date: ${facts.date}\r\n`) +
    (policy.vias[head.minor] ?? '') +
    (edits === undefined ? '' : edits.lines)
  );
}

/** Whether the block is made of the head alone, so that the same head has the same block. */
export function isReusableBlock(head: AnswerHead, policy: ResponsePolicy): boolean {
  return !policy.rewritesRedirects && policy.edits === undefined && !head.hasNominated && hasKind(head, FIELD_DATE);
}

function passesEdits(edits: FieldEdits | undefined, lowerName: string): boolean {
  return edits === undefined || !isDroppedByEdits(edits, lowerName, 0, lowerName.length);
}

function hasKind(head: AnswerHead, kind: number): boolean {
  const { kinds, count } = head.marks;
  for (let i = 0; i < count; i++) if (kinds[i] === kind) return true;
  return false;
}

function locationLines(head: AnswerHead, facts: ResponseFacts): string {
  const { kinds, valueStarts, valueEnds, count } = head.marks;
  let lines = '';
  for (let i = 0; i < count; i++) {
    if (kinds[i] !== FIELD_LOCATION) continue;
    const location = head.text.slice(valueStarts[i], valueEnds[i]);
    lines += `Location: ${rewriteLocation(location, facts.upstreamAuthority, facts.clientOrigin) ?? location}\r\n`;
  }
  return lines;
}
