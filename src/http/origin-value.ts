import { type MarkedHead, nominatedNames } from './connection-options.ts';
import { fieldValue } from './fields.ts';

/** A request head, which may take fields away from the next hop. */
export type SelectingHead = MarkedHead & { readonly hasNominated?: boolean };

/**
 * The value of a field as the origin may read it: `undefined` where `Connection` takes it away at this hop, and with what stands under a
 * name that gateways of the CGI kind cannot tell from it (`_` for `-`). What is stored for others must be told apart by this: by
 * what the client sent, its answer could be put where another's belongs.
 */
export function valueAtOrigin(head: SelectingHead, lowerName: string): string | undefined {
  const value = head.hasNominated === true && nominatedNames(head).has(lowerName) ? undefined : fieldValue(head, lowerName);
  if (!lowerName.includes('-')) return value;
  const lookalikes = lookalikeValues(head, lowerName);
  return lookalikes === '' ? value : `${value ?? ''}${lookalikes}`;
}

/** `''` = none; each begins with a character that stands in no value. */
function lookalikeValues({ text, marks }: MarkedHead, lowerName: string): string {
  const { starts, nameEnds, valueStarts, valueEnds, count } = marks;
  let values = '';
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    if ((nameEnds[i] ?? 0) - start !== lowerName.length || !hasUnderscore(text, start, lowerName)) continue;
    if (text.slice(start, nameEnds[i]).toLowerCase().replaceAll('_', '-') === lowerName)
      values += `\x01${text.slice(valueStarts[i], valueEnds[i])}`;
  }
  return values;
}

/** In one of the places where the name that is looked for has a hyphen. */
function hasUnderscore(text: string, start: number, lowerName: string): boolean {
  for (let at = lowerName.indexOf('-'); at >= 0; at = lowerName.indexOf('-', at + 1)) if (text.charCodeAt(start + at) === 0x5f) return true;
  return false;
}
