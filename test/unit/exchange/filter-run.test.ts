import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldList } from '../../../src/exchange/field-list.ts';
import { type FilterFault, FilterRun, splitHead } from '../../../src/exchange/filter-run.ts';
import type { Filter, LoadedFilter } from '../../../src/exchange/filters.ts';

const PHASES = ['request', 'upstream-request', 'response', 'finish'] as const;
type Phase = (typeof PHASES)[number];

function loaded(filter: Filter, onError: LoadedFilter['onError'] = 'fail', timeoutMs = 1000): LoadedFilter {
  return { name: './f.ts', filter, onError, timeoutMs };
}

function runOf(...filters: LoadedFilter[]): { run: FilterRun; faults: FilterFault[] } {
  const faults: FilterFault[] = [];
  const context = { requestId: 'id', route: 'all', clientAddress: '192.0.2.1', state: new Map() };
  return { run: new FilterRun(filters, context, (fault) => faults.push(fault)), faults };
}

/** A filter whose one phase does what is given. */
function inPhase(phase: Phase, act: () => void | Promise<void>): Filter {
  if (phase === 'request') return { request: act };
  if (phase === 'upstream-request') return { upstreamRequest: act };
  return phase === 'response' ? { response: act } : { finish: act };
}

async function runPhase(run: FilterRun, phase: Phase): Promise<string> {
  const headers = new FieldList('');
  switch (phase) {
    case 'request':
      return (await run.request({ method: 'GET', target: '/', host: 'h', captures: {}, headers })).kind;
    case 'upstream-request':
      return (await run.upstreamRequest({ upstream: 'u', attempt: 1, headers })).kind;
    case 'response':
      return (await run.response({ ...run.sharedContext, status: 200, headers })).kind;
    case 'finish':
      await run.finish({ status: 200, outcome: 'complete', totalMs: 1 });
      return 'done';
  }
}

const FAULTS: readonly (readonly [how: string, act: () => void | Promise<void>, cause: FilterFault['cause']])[] = [
  [
    'throws',
    () => {
      throw new Error('no');
    },
    'error',
  ],
  [
    'throws what is no error',
    () => {
      throw 'text';
    },
    'error',
  ],
  ['rejects', () => Promise.reject(new Error('no')), 'error'],
  ['never settles', () => new Promise(() => {}), 'timeout'],
  [
    'returns a thenable that throws',
    () => {
      const then = (): never => {
        throw new Error('no');
      };
      return Object.fromEntries([['then', then]]) as unknown as Promise<void>;
    },
    'error',
  ],
];

for (const phase of PHASES) {
  test(`${phase}: filters run in their order, synchronous and asynchronous ones alike`, async () => {
    const order: string[] = [];
    const { run, faults } = runOf(
      loaded(inPhase(phase, () => void order.push('first'))),
      loaded(
        inPhase(phase, async () => {
          await new Promise<void>((resolve) => setImmediate(resolve));
          order.push('second');
        }),
      ),
      loaded({}),
      loaded(inPhase(phase, () => void order.push('third'))),
    );
    assert.equal(await runPhase(run, phase), 'done');
    assert.deepEqual(order, ['first', 'second', 'third']);
    assert.deepEqual(faults, []);
  });

  for (const [how, act, cause] of FAULTS) {
    test(`${phase}: a filter that ${how} is a fault, told once, and the filters after it do not run`, async () => {
      let isNextRun = false;
      const next = loaded(
        inPhase(phase, () => {
          isNextRun = true;
        }),
      );
      const { run, faults } = runOf(loaded(inPhase(phase, act), 'fail', 20), next);
      assert.equal(await runPhase(run, phase), phase === 'finish' ? 'done' : 'fault');
      assert.equal(isNextRun, false);
      assert.deepEqual(
        faults.map(({ filter, phase: where, cause: why }) => [filter, where, why]),
        [['./f.ts', phase, cause]],
      );
    });

    test(`${phase}: with onError open a filter that ${how} is told and passed over`, async () => {
      let isNextRun = false;
      const next = loaded(
        inPhase(phase, () => {
          isNextRun = true;
        }),
      );
      const { run, faults } = runOf(loaded(inPhase(phase, act), 'open', 20), next);
      assert.equal(await runPhase(run, phase), 'done');
      assert.equal(isNextRun, true);
      assert.equal(faults.length, 1);
    });
  }
}

test('a thenable that is no promise is awaited like one', async () => {
  const odd = Object.fromEntries([['then', (resolve: (value: unknown) => void) => void setImmediate(() => resolve({ status: 201 }))]]);
  const { run, faults } = runOf(loaded({ request: () => odd as unknown as Promise<undefined> }));
  assert.equal(await runPhase(run, 'request'), 'answer');
  assert.deepEqual(faults, []);
});

test('a request filter that answers ends the phase, later ones do not run', async () => {
  const { run } = runOf(
    loaded({ request: async () => undefined }),
    loaded({ request: async () => ({ status: 204 }) }),
    loaded({ request: () => ({ status: 500 }) }),
  );
  const result = await run.request({ method: 'GET', target: '/', host: 'h', captures: {}, headers: new FieldList('') });
  assert.deepEqual(result, { kind: 'answer', answer: { status: 204 } });
});

test('all phases and filters of one exchange share its state and context', async () => {
  const seen: unknown[] = [];
  const { run } = runOf(
    loaded({
      request: ({ state, requestId, route, clientAddress }) => void state.set('who', [requestId, route, clientAddress]),
    }),
    loaded({
      upstreamRequest: ({ state }) => void seen.push(state.get('who')),
      response: ({ state }) => void seen.push(state.get('who')),
      finish: ({ state }) => void seen.push(state.get('who')),
    }),
  );
  for (const phase of PHASES) await runPhase(run, phase);
  assert.deepEqual(seen, Array(3).fill(['id', 'all', '192.0.2.1']));
});

test('a head text is its first line and its fields', () => {
  const { firstLine, fields } = splitHead('GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n');
  assert.equal(firstLine, 'GET / HTTP/1.1');
  assert.equal(fields.toBlock(), 'Host: a\r\nX: 1\r\n');
  assert.deepEqual(splitHead('GET / HTTP/1.0\r\n\r\n').fields.entries(), []);
});
