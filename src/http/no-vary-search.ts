import { type Member, parseDictionary } from './structured-fields.ts';

/** Which differences between queries do not matter, as `No-Vary-Search` tells (draft-ietf-httpbis-no-vary-search). */
export type NoVarySearch = {
  readonly isOrderFree: boolean;
  /** `listed`: the names do not matter. `unlisted`: all but them do not. Decoded. */
  readonly ignores: 'listed' | 'unlisted';
  readonly names: ReadonlySet<string>;
};

/** `undefined` where the field says nothing that helps, or does not parse: every difference matters. */
export function parseNoVarySearch(value: string): NoVarySearch | undefined {
  const members = parseDictionary(value);
  if (members === undefined) return undefined;
  const [order, params, except] = [members.get('key-order'), members.get('params'), members.get('except')];
  if (order !== undefined && order.kind !== 'boolean') return undefined;
  const isOrderFree = order?.value === true;
  if (params?.kind === 'inner-list') return except === undefined ? listed(isOrderFree, params) : undefined;
  if (params !== undefined && params.kind !== 'boolean') return undefined;
  if (params?.value === true) return unlisted(isOrderFree, except);
  return except === undefined && isOrderFree ? { isOrderFree, ignores: 'listed', names: new Set() } : undefined;
}

function listed(isOrderFree: boolean, params: Member): NoVarySearch | undefined {
  const names = stringsOf(params);
  if (names === undefined || (names.length === 0 && !isOrderFree)) return undefined;
  return { isOrderFree, ignores: 'listed', names: new Set(names) };
}

function unlisted(isOrderFree: boolean, except: Member | undefined): NoVarySearch | undefined {
  const names = except === undefined ? [] : stringsOf(except);
  return names === undefined ? undefined : { isOrderFree, ignores: 'unlisted', names: new Set(names) };
}

/** Names are percent-encoded in the field, and decoded to be compared. */
function stringsOf(member: Member): readonly string[] | undefined {
  if (member.kind !== 'inner-list') return undefined;
  const names = member.items.map((item) => (item.kind === 'string' ? decodeQueryText(item.value) : undefined));
  return names.every((name) => name !== undefined) ? names : undefined;
}

/** Equal texts: the same query (`''`, or from `?` on) to this rule. */
export function comparableQuery(query: string, { names, ignores, isOrderFree }: NoVarySearch): string {
  // Some origins take `;` for `&`: what the rule takes for the value of one parameter may hold another.
  if (query.includes(';')) return query;
  const pairs = parseQueryPairs(query).filter(([name]) => names.has(name) === (ignores === 'unlisted'));
  // Sorted by name alone, and stable: the order of values under one name still matters.
  if (isOrderFree) pairs.sort(([a], [b]) => (a === b ? 0 : a < b ? -1 : 1));
  return JSON.stringify(pairs);
}

/** `application/x-www-form-urlencoded` names and values, decoded. */
export function parseQueryPairs(query: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const part of query.slice(query.startsWith('?') ? 1 : 0).split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    pairs.push([decodeQueryText(name), equals < 0 ? '' : decodeQueryText(part.slice(equals + 1))]);
  }
  return pairs;
}

/** `+` is a space, `%41` a byte; what is no escape stays. Bytes stay bytes (latin1): only equality is asked of the result. */
export function decodeQueryText(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  return text.replaceAll('+', ' ').replace(/%([\da-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
