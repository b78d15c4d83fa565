import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessagePort } from 'node:worker_threads';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import { DifferenceBook, type Differences } from '../../../src/exchange/mirror/difference-book.ts';
import { Split } from '../../../src/exchange/split.ts';
import type { EventLog } from '../../../src/observe/log.ts';
import { MirrorHost } from '../../../src/runtime/mirrors/mirror-host.ts';
import type { WorkerHandle } from '../../../src/runtime/worker-handle.ts';
import { waitFor } from '../../harness/wait-for.ts';

const UPSTREAM = [
  { name: 'live', weight: 9 },
  { name: 'next', weight: 1, holdOn: 'differs' },
  { name: 'later', weight: 1, holdOn: 'not-same' },
];

function configOf(compare: object): GatewayConfig {
  const upstreams = { live: ['http://127.0.0.1:1'], next: ['http://127.0.0.1:2'], later: ['http://127.0.0.1:3'] };
  const routes = [
    { name: 'r', match: '/r', upstream: UPSTREAM, mirror: { upstream: 'next', compare } },
    { name: 's', match: '/s', upstream: 'live', mirror: { upstream: 'later', compare } },
  ];
  const read = parseConfigObject({ upstreams, routes } as unknown as ConfigInput, { fileName: 'test', env: {} });
  assert.ok(read.kind === 'ok', JSON.stringify(read));
  return read.config;
}

/** So many comparisons, in so many of which a field differed. */
function differences(compared: number, raw: number): Differences {
  const book = new DifferenceBook();
  for (let i = 0; i < compared; i += 1) book.add(i < raw ? ['body.a'] : [], [], () => ({ request: 'GET /', live: '1', shadow: '2' }));
  return book.read();
}

test('what workers have compared is one report, a changed verdict is an event, and all workers are told', async () => {
  const said: string[] = [];
  const say = (text: string, facts: object): void => void said.push(`${text}: ${Object.values(facts).join(' ')}`);
  const host = new MirrorHost({ info: say, warn: say } as unknown as EventLog);
  host.settle(configOf({ minRequests: 10 }));
  const ports: MessagePort[] = [];
  const heard: unknown[] = [];
  const worker = { send: ({ port }: { readonly port: MessagePort }) => void ports.push(port) } as unknown as WorkerHandle;
  host.link(worker);
  host.link(worker);
  for (const port of ports) port.on('message', (verdicts: unknown) => heard.push(verdicts));
  ports[0]!.postMessage({ r: differences(6, 0), unknown: differences(1, 1) });
  ports[1]!.postMessage({ r: differences(6, 1), s: differences(10, 0) });
  await waitFor('both verdicts', () => host.verdicts['next'] === 'differs' && host.verdicts['later'] === 'same');
  const [report] = host.report().mirrors;
  assert.deepEqual([report?.name, report?.shadow, report?.verdict, report?.compared], ['r', 'next', 'differs', 12]);
  assert.deepEqual(report?.fields[0]?.examples, [{ request: 'GET /', live: '1', shadow: '2' }]);
  assert.ok(said.includes('verdict on a mirror has changed: r next differs 12 body.a'));
  await waitFor(
    'the workers',
    () => heard.filter((verdicts) => JSON.stringify(verdicts) === '{"next":"differs","later":"same"}').length === 2,
  );
  assert.equal(host.reset('other'), false);
  assert.equal(host.reset('r'), true);
  assert.equal(host.verdicts['next'], 'not enough');
  host.settle(configOf({ minRequests: 11 }));
  assert.equal(host.report().mirrors[1]?.compared, 0, 'by other settings it begins anew');
  for (const port of ports) port.close();
});

test('a part of a split has no weight while the verdict on it says so', () => {
  const { action } = configOf({}).routes[0]!;
  assert.ok(action.kind === 'split');
  const plans = action.parts.map(({ upstream }) => ({ upstreamName: upstream }));
  const split = new Split(action.parts, plans);
  const shares = (verdicts: Readonly<Record<string, 'same' | 'differs' | 'not enough'>>): readonly number[] => {
    split.hold((upstream) => verdicts[upstream] ?? 'not enough');
    const chosen = Array.from({ length: 990 }, () => split.choose({ facts: { field: () => undefined }, refreshOf: null }).upstreamName);
    return plans.map(({ upstreamName }) => chosen.filter((name) => name === upstreamName).length);
  };
  assert.deepEqual(shares({}), [891, 99, 0]);
  assert.deepEqual(shares({ later: 'same' }), [810, 90, 90]);
  assert.deepEqual(shares({ next: 'differs', later: 'same' }), [891, 0, 99]);
  assert.deepEqual(shares({ next: 'differs', later: 'differs' }), [990, 0, 0]);
});
