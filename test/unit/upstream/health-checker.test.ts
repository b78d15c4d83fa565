import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActiveHealthConfig } from '../../../src/config/health-types.ts';
import { CheckGate } from '../../../src/upstream/health/check-gate.ts';
import { type CheckResult, HealthChecker } from '../../../src/upstream/health/health-checker.ts';
import type { ProbeAddress, ProbeOutcome } from '../../../src/upstream/health/probe.ts';

const CONFIG: ActiveHealthConfig = {
  question: { kind: 'tcp' },
  intervalMs: 1000,
  unhealthyIntervalMs: 3000,
  timeoutMs: 500,
  healthyAfter: 2,
  unhealthyAfter: 3,
  jitter: 0,
  port: 0,
};

type Asked = { readonly address: ProbeAddress; readonly answer: (outcome: ProbeOutcome) => void; isClosed: boolean };

/** A checker of an endpoint that answers when the test says so. */
function scene(overrides: Partial<ActiveHealthConfig> = {}, { isHealthy = true, random = 0.5, gate = new CheckGate(64) } = {}) {
  const asked: Asked[] = [];
  const results: CheckResult[] = [];
  const checker = new HealthChecker(
    { ...CONFIG, ...overrides },
    { host: 'a.example', port: 80 },
    {
      gate,
      random: () => random,
      isHealthy,
      onResult: (result) => results.push(result),
      probe: (address, answer) => {
        const one: Asked = { address, answer, isClosed: false };
        asked.push(one);
        return () => {
          one.isClosed = true;
        };
      },
    },
  );
  /** One check, at this time, with this answer. */
  const check = async (nowMs: number, isGood: boolean): Promise<void> => {
    checker.tick(nowMs);
    asked.at(-1)?.answer({ isGood, reason: isGood ? 'status 200' : 'status 500' });
    await Promise.resolve();
  };
  return { checker, asked, results, check, gate };
}

test('the first check comes at once and decides alone', async () => {
  const { check, results, asked } = scene();
  await check(0, false);
  assert.deepEqual(results, [{ isGood: false, reason: 'status 500', isHealthy: false, hasChanged: true }]);
  assert.ok(asked[0]?.isClosed);
});

test('after the first one it takes as many in a row as are configured, in both directions', async () => {
  const { check, results } = scene({ unhealthyIntervalMs: 1000 });
  const answers = [true, false, false, true, false, false, false, true, false, true, true];
  for (const [i, isGood] of answers.entries()) await check(i * 1000, isGood);
  assert.deepEqual(
    results.map(({ isHealthy }) => isHealthy),
    [true, true, true, true, true, true, false, false, false, false, true],
  );
  assert.deepEqual(
    results.flatMap(({ hasChanged }, i) => (hasChanged ? [i] : [])),
    [6, 10],
  );
});

test('a check that takes too long has failed, is closed, and its late answer does not count', async () => {
  const { checker, asked, results, gate } = scene();
  for (let nowMs = 0; nowMs < 500; nowMs += 50) checker.tick(nowMs);
  assert.equal(results.length, 0);
  checker.tick(500);
  assert.deepEqual([results[0]?.reason, results[0]?.isHealthy, asked[0]?.isClosed, gate.taken], ['timeout', false, true, 0]);
  asked[0]?.answer({ isGood: true, reason: 'late' });
  await Promise.resolve();
  assert.equal(results.length, 1);
});

test("a time in which our own thread stood still is not the endpoint's", async () => {
  const { checker, asked, results } = scene();
  checker.tick(0);
  checker.tick(3000);
  assert.equal(results.length, 0);
  asked[0]?.answer({ isGood: true, reason: 'was there all the time' });
  await Promise.resolve();
  assert.equal(results[0]?.isGood, true);
});

test('an endpoint is never asked twice at once', () => {
  const { checker, asked } = scene({ timeoutMs: 60_000 });
  for (let nowMs = 0; nowMs < 10_000; nowMs += 50) {
    checker.hurry();
    checker.tick(nowMs);
  }
  assert.equal(asked.length, 1);
});

test('an endpoint that is not well is asked in an interval of its own', async () => {
  const { checker, check, asked } = scene();
  await check(0, false);
  checker.tick(2950);
  assert.equal(asked.length, 1);
  checker.tick(3000);
  assert.equal(asked.length, 2);
});

test('the interval varies by the jitter, to both sides', async () => {
  for (const [random, dueMs] of [
    [0, 900],
    [0.5, 1000],
    [0.9999999, 1100],
  ] as const) {
    const { check, checker, asked } = scene({ jitter: 0.1 }, { random });
    await check(0, true);
    checker.tick(dueMs - 1);
    assert.equal(asked.length, 1, `${random}`);
    checker.tick(dueMs);
    assert.equal(asked.length, 2, `${random}`);
  }
});

test('a failed request brings the next check forward, however many fail once a second at most', async () => {
  const { checker, check, asked } = scene({ intervalMs: 60_000 });
  await check(0, true);
  for (let nowMs = 100; nowMs <= 5000; nowMs += 50) {
    checker.hurry();
    await check(nowMs, true);
  }
  assert.equal(asked.length, 6);
});

test('what a reload found holds until the first check', async () => {
  const { checker, check } = scene({}, { isHealthy: false });
  assert.equal(checker.isHealthy, false);
  await check(0, true);
  assert.equal(checker.isHealthy, true);
});

test('another port is asked where one is configured', () => {
  const { checker, asked } = scene({ port: 9000 });
  checker.tick(0);
  assert.deepEqual(asked[0]?.address, { host: 'a.example', port: 9000 });
});

test('no more checks are under way than there are places; who waits has his turn, in order', async () => {
  const gate = new CheckGate(2);
  const scenes = Array.from({ length: 4 }, () => scene({}, { gate }));
  for (const { checker } of scenes) checker.tick(0);
  assert.deepEqual(
    scenes.map(({ asked }) => asked.length),
    [1, 1, 0, 0],
  );
  scenes[1]?.asked[0]?.answer({ isGood: true, reason: '' });
  await Promise.resolve();
  assert.deepEqual(
    scenes.map(({ asked }) => asked.length),
    [1, 1, 1, 0],
  );
  scenes[3]?.checker.stop();
  scenes[0]?.checker.stop();
  scenes[2]?.checker.stop();
  assert.deepEqual(
    scenes.map(({ asked }) => asked.length),
    [1, 1, 1, 0],
  );
  assert.equal(gate.taken, 0);
  for (const { asked } of scenes) for (const one of asked) assert.ok(one.isClosed);
});

test('for people: the last result, how long ago, and how many like it in a row', async () => {
  const { checker, check } = scene({ unhealthyIntervalMs: 1000 });
  assert.deepEqual(checker.snapshot(), { isHealthy: true, consecutive: 0, last: undefined });
  await check(0, false);
  await check(1000, false);
  checker.tick(1250);
  const { isHealthy, consecutive, last } = checker.snapshot();
  assert.deepEqual([isHealthy, consecutive, last?.isGood, last?.reason, last?.ageMs], [false, 2, false, 'status 500', 250]);
});
