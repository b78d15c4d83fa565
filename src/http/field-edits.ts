import { isToken } from './tokens.ts';

/** Set, remove and allow lists as the configuration has them: names in `set` as written, in the others lower case. */
export type FieldEditRules = {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
  /** The only fields that may pass of those that the sender chose; `undefined` = all. */
  readonly allow: readonly string[] | undefined;
};

/** Rules made ready at load. `undefined` in their place means that there are none, which the builders' fast way asks for. */
export type FieldEdits = {
  /** Lower-case names whose lines are dropped: those removed and those set anew. */
  readonly drops: ReadonlySet<string>;
  /** Not 0 at each length that a name in `drops` has: most names are passed over without a substring. */
  readonly dropLengths: Uint8Array;
  readonly allow: ReadonlySet<string> | undefined;
  /** The lines to add, each with CRLF. */
  readonly lines: string;
};

const MAX_NAME_LENGTH = 255;

/** Framing and hop-by-hop names: they belong to the connection, no rule can set or remove them. */
const UNEDITABLE: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a rule may name this field: a token that neither frames the message nor belongs to the connection. */
export function isEditableField(lowerName: string): boolean {
  return isToken(lowerName) && lowerName.length <= MAX_NAME_LENGTH && !UNEDITABLE.has(lowerName);
}

/** Compiles rules. Names that are not editable are passed over (the configuration reports them); values must have been vetted. */
export function compileFieldEdits(rules: FieldEditRules): FieldEdits | undefined {
  const drops = new Set<string>();
  const dropLengths = new Uint8Array(MAX_NAME_LENGTH + 1);
  let lines = '';
  for (const [name, value] of rules.set) {
    if (!isEditableField(name.toLowerCase())) continue;
    drops.add(name.toLowerCase());
    lines += `${name}: ${value}\r\n`;
  }
  for (const name of rules.remove) if (isEditableField(name)) drops.add(name);
  if (drops.size === 0 && rules.allow === undefined) return undefined;
  for (const name of drops) dropLengths[name.length] = 1;
  return { drops, dropLengths, allow: rules.allow === undefined ? undefined : new Set(rules.allow), lines };
}

/**
 * Whether the field whose name is `text[start, end)` must not pass. A name with `_` for `-` is dropped with the one that it resembles: origins
 * of the CGI kind take the two for one.
 */
export function isDroppedByEdits(edits: FieldEdits, text: string, start: number, end: number): boolean {
  if (edits.allow === undefined && edits.dropLengths[end - start] !== 1) return false;
  const name = text.slice(start, end).toLowerCase();
  if (edits.drops.has(name) || (name.includes('_') && edits.drops.has(name.replaceAll('_', '-')))) return true;
  return edits.allow !== undefined && !edits.allow.has(name);
}
