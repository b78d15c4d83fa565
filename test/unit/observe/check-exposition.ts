import assert from 'node:assert/strict';

export type Sample = { readonly name: string; readonly labels: ReadonlyMap<string, string>; readonly value: number };
export type Family = {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string | undefined;
  readonly samples: readonly Sample[];
};

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;

/**
 * A slow, strict reader of the Prometheus text format (or OpenMetrics, `isOpen`): one pass a line, every rule an assertion.
 * Written from the format's description and sharing nothing with the printer.
 */
export function checkExposition(text: string, isOpen = false): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends in a line feed');
  const lines = text.slice(0, -1).split('\n');
  if (isOpen) assert.equal(lines.pop(), '# EOF');
  const families = new Map<string, { name: string; type: string; help: string; unit: string | undefined; samples: Sample[] }>();
  let family: ReturnType<typeof families.get>;
  for (const line of lines) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      assert.match(name, NAME);
      assert.ok(!families.has(name), `${name} stands in one place`);
      family = { name, type: '', help: rest, unit: undefined, samples: [] };
      families.set(name, family);
    } else if (keyword !== undefined) {
      assert.ok(
        family !== undefined && family.name === name && family.samples.length === 0,
        `${keyword} of ${name} comes before its samples`,
      );
      if (keyword === 'TYPE') family.type = rest;
      else family.unit = rest;
    } else {
      assert.ok(family !== undefined, `${line} belongs to a family`);
      const sample = readSample(line);
      assert.ok(
        suffixesOf(family.type, isOpen).some((suffix) => sample.name === family!.name + suffix),
        `${sample.name} is of ${family.name}`,
      );
      family.samples.push(sample);
    }
  }
  for (const one of families.values()) checkFamily(one);
  return families;
}

function suffixesOf(type: string, isOpen: boolean): readonly string[] {
  if (type === 'histogram') return ['_bucket', '_sum', '_count'];
  return isOpen && type === 'counter' ? ['_total'] : [''];
}

function readSample(line: string): Sample {
  const end = line.lastIndexOf(' ');
  const value = line.slice(end + 1);
  const [, name = '', , inside = ''] = /^([^{]+)(\{(.*)\})?$/s.exec(line.slice(0, end)) ?? [];
  assert.match(name, NAME, line);
  assert.match(value, /^([+-]?(\d+(\.\d+)?(e[+-]?\d+)?|Inf)|NaN)$/, line);
  const labels = new Map<string, string>();
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < inside.length) {
    const match = LABEL.exec(inside);
    assert.ok(match !== null, `labels of ${line}`);
    assert.ok(!labels.has(match[1]!), `${match[1]} stands once`);
    labels.set(
      match[1]!,
      match[2]!.replace(/\\(.)/gs, (_, code: string) => (code === 'n' ? '\n' : code)),
    );
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function checkFamily(family: Family): void {
  assert.ok(['counter', 'gauge', 'histogram'].includes(family.type), family.name);
  assert.ok(family.help !== '', family.name);
  if (family.unit !== undefined) assert.ok(family.name.endsWith(`_${family.unit}`), `${family.name} ends in its unit`);
  const keys = family.samples.map(({ name, labels }) => name + JSON.stringify([...labels].sort()));
  assert.equal(new Set(keys).size, keys.length, `every series of ${family.name} stands once`);
  if (family.type !== 'gauge') for (const sample of family.samples) assert.ok(sample.value >= 0, `${sample.name} is not negative`);
  if (family.type === 'histogram') checkHistogram(family);
}

function checkHistogram(family: Family): void {
  const sets = new Map<string, Sample[]>();
  for (const sample of family.samples) {
    const key = JSON.stringify([...sample.labels].filter(([name]) => name !== 'le').sort());
    sets.set(key, [...(sets.get(key) ?? []), sample]);
  }
  for (const samples of sets.values()) {
    const buckets = samples.filter(({ name }) => name === `${family.name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels.get('le')!.replace('+Inf', 'Infinity')));
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
      'bounds grow',
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY);
    for (const [at, { value }] of buckets.entries()) assert.ok(at === 0 || value >= buckets[at - 1]!.value, 'buckets are cumulative');
    assert.equal(samples.find(({ name }) => name === `${family.name}_count`)?.value, buckets.at(-1)?.value);
    assert.ok(samples.some(({ name }) => name === `${family.name}_sum`));
  }
}
