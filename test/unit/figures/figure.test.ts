import assert from 'node:assert/strict';
import test from 'node:test';
import { type Figure, judge, type Report, readValue } from '../../../scripts/figures/figure.ts';
import { mergeMicro } from '../../../scripts/figures/merge.ts';
import { judgeAll, pageText } from '../../../scripts/figures/page.ts';

const figure: Figure = {
  issue: 3,
  name: 'relay: CPU ÷ nginx',
  unit: '×',
  target: { bound: '≤', value: 1 },
  from: 'relay',
  read: { kind: 'rounds', section: 'relay', subject: 'sluice', metric: 'cpu', over: 'nginx' },
};

function reportOf(ours: readonly number[], theirs: readonly number[]): Report {
  const rows = (values: readonly number[]): object[] => values.map((cpu) => ({ cpu }));
  const measured = [
    { subject: 'sluice', rounds: rows(ours) },
    { subject: 'nginx', rounds: rows(theirs) },
  ];
  const content = {
    date: '2026-01-02',
    command: 'node run.ts',
    sections: [{ id: 'relay', measured, skipped: [{ subject: 'HAProxy', why: 'not installed' }] }],
  };
  return { name: 'relay', file: 'reports/relay.json', content, isOfThisRun: true };
}

test('a ratio is taken within each round', () => {
  assert.deepEqual(readValue(figure, reportOf([2, 9], [4, 3])), { kind: 'value', rounds: [0.5, 3] });
});

test('a figure is met or missed only if every round says so', () => {
  const judged = (ours: readonly number[]): string => judge(figure, readValue(figure, reportOf(ours, [1, 1])));
  assert.equal(judged([1, 0.9]), 'met');
  assert.equal(judged([1.1, 1.2]), 'missed');
  assert.equal(judged([0.9, 1.2]), 'undecided');
});

test('a subject that was left out, a round without the metric and a missing report are told, with the remedy', () => {
  const without = (subject: string): unknown =>
    readValue({ ...figure, read: { kind: 'rounds', section: 'relay', subject, metric: 'cpu' } }, reportOf([1], [1]));
  assert.deepEqual(without('HAProxy'), { kind: 'none', why: 'HAProxy was left out: not installed' });
  assert.match(JSON.stringify(without('Envoy')), /no `cpu` of Envoy in section `relay`: `npm run figures -- --run --again relay`/);
  assert.match(JSON.stringify(readValue(figure, undefined)), /there is no report `relay`/);
  assert.equal(readValue(figure, reportOf([1, Number.NaN], [1, 1])).kind, 'none');
});

test('a path that holds no number is no value', () => {
  const at = (path: string): unknown =>
    readValue({ ...figure, read: { kind: 'path', path } }, { ...reportOf([], []), content: { a: { b: 3 }, c: 'x' } });
  assert.deepEqual(at('a.b'), { kind: 'value', rounds: [3] });
  assert.match(JSON.stringify(at('c')), /no number at `c`/);
});

test('the page puts the missed ones first and says where each comes from', () => {
  const missed: Figure = { ...figure, name: 'missed one', target: { bound: '≤', value: 0.1 } };
  const report = reportOf([1], [2]);
  const page = pageText({
    date: '2026-01-02',
    command: 'npm run figures',
    judged: judgeAll([figure, missed], () => report),
    reports: [report],
  });
  assert.ok(page.indexOf('missed one') < page.indexOf('relay: CPU ÷ nginx'));
  assert.match(page, /1 missed, 0 undecided, 0 without a value, 1 met/);
  assert.match(page, /\| missed one \| ≤ 0\.100 × \| 0\.500 × \(one run\) \| relay \|/);
  assert.match(page, /\| relay \| `node run\.ts` \| 2026-01-02 \|/);
});

test('runs of one program are merged round after round', () => {
  const part = (cpu: number): Parameters<typeof mergeMicro>[0][number] => ({
    command: 'node micro.ts',
    sections: [{ id: 'a', measured: [{ subject: 'x', rounds: [{ cpu }] }], skipped: [] }],
  });
  const merged = mergeMicro([part(1), part(2)]);
  assert.equal(merged.command, 'node micro.ts, 2 times');
  assert.deepEqual(merged.sections[0]?.measured, [{ subject: 'x', rounds: [{ cpu: 1 }, { cpu: 2 }] }]);
});
