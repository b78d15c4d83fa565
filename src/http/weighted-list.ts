/** One member of a list with quality values (RFC 9110 12.4.2). */
export type Weighted = {
  /** Lower case. */
  readonly name: string;
  /** Parameters other than `q`, as they stand; `''` = none. */
  readonly rest: string;
  /** 0 to 1000, thousandths. */
  readonly weight: number;
};

const QVALUE = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** Members of `Accept-Language`, `Accept-Encoding` and the like. `undefined` if it is not such a list. */
export function parseWeightedList(value: string): Weighted[] | undefined {
  const members: Weighted[] = [];
  for (const text of value.split(',')) {
    const [name = '', ...parameters] = text.split(';').map((part) => part.trim());
    if (name === '' && parameters.length === 0) continue;
    if (name === '') return undefined;
    const member = weighted(name, parameters);
    if (member === undefined) return undefined;
    members.push(member);
  }
  return members;
}

function weighted(name: string, parameters: readonly string[]): Weighted | undefined {
  let weight = 1000;
  let rest = '';
  for (const parameter of parameters) {
    if (!/^q=/i.test(parameter)) {
      rest += `;${parameter}`;
      continue;
    }
    const text = parameter.slice(2);
    if (!QVALUE.test(text)) return undefined;
    weight = Math.round(Number(text) * 1000);
  }
  return { name: name.toLowerCase(), rest, weight };
}

/** The same preferences always as the same text: highest weight first, then by name. Members of one weight have no order (RFC 9110 12.4.2). */
export function formatWeightedList(members: readonly Weighted[]): string {
  return [...members].sort(byWeight).map(formatted).join(',');
}

function byWeight(a: Weighted, b: Weighted): number {
  if (a.weight !== b.weight) return b.weight - a.weight;
  return a.name + a.rest < b.name + b.rest ? -1 : 1;
}

function formatted(member: Weighted): string {
  return member.name + member.rest + (member.weight === 1000 ? '' : `;q=${member.weight / 1000}`);
}
