import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createAdaptiveCells, clearWorker } from '../../../src/upstream/adaptive-cells.ts';
import { AdaptiveGate, shareOf } from '../../../src/upstream/adaptive-gate.ts';
import { AdaptiveRegulator } from '../../../src/upstream/adaptive-regulator.ts';
import { AimdLimit } from '../../../src/upstream/adaptive-aimd.ts';
import { GradientLimit } from '../../../src/upstream/adaptive-gradient.ts';
import { SAMPLE_BUCKETS, sampleBucket, sampleQuantile, timeOfBucket, trimmedMean } from '../../../src/upstream/adaptive-samples.ts';
import { ADAPTIVE, goodput, latency, simulate, type World } from './adaptive-simulation.ts';

describe('response times in buckets', () => {
  it('a bucket stands for its times to within 3 %', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.11, max: 90_000, noNaN: true }), (ms) => {
        assert.ok(Math.abs(timeOfBucket(sampleBucket(ms)) / ms - 1) < 0.03);
      }),
    );
  });

  it('what is no time, or out of bounds, has a bucket as well', () => {
    for (const ms of [Number.NaN, -1, 0]) assert.equal(sampleBucket(ms), 0);
    assert.equal(sampleBucket(1e9), SAMPLE_BUCKETS - 1);
  });

  it('quantile and trimmed mean are those of the times', () => {
    const counts = new Float64Array(SAMPLE_BUCKETS);
    assert.equal(sampleQuantile(counts, 0.9), 0);
    assert.equal(trimmedMean(counts, 0.9), 0);
    for (let ms = 1; ms <= 100; ms++) counts[sampleBucket(ms)] = (counts[sampleBucket(ms)] ?? 0) + 1;
    assert.ok(Math.abs(sampleQuantile(counts, 0.9) / 90 - 1) < 0.04);
    assert.ok(Math.abs(trimmedMean(counts, 0.9) / 45.5 - 1) < 0.04);
  });
});

const used = (sampleMs: number, nowMs = 0) => ({ nowMs, sampleMs, isUsed: true, failedShare: 0 });

describe('AIMD', () => {
  const config = { ...ADAPTIVE, algorithm: 'aimd', targetMs: 100 } as const;

  it('adds one after a good window that felt the limit, and takes a share after a slow or failing one', () => {
    const limit = new AimdLimit(config);
    limit.update(used(50));
    assert.equal(limit.limit, 21);
    limit.update({ ...used(50), isUsed: false });
    assert.equal(limit.limit, 21);
    limit.update(used(101));
    assert.equal(limit.limit, 21 * 0.9);
    limit.update({ ...used(0), failedShare: 0.2 });
    assert.equal(limit.limit, 21 * 0.81);
  });
});

describe('the gradient', () => {
  /** Response times of an origin that works on `servers` at once, kept full. */
  const answerMs = (limit: number, servers: number, serviceMs: number): number => serviceMs * Math.max(1, limit / servers);
  const run = (limit: GradientLimit, windows: number, servers: number, serviceMs: number): void => {
    for (let i = 0; i < windows; i++) limit.update(used(answerMs(limit.limit, servers, serviceMs)));
  };

  it('finds the time without a queue by halving, and settles a little above what the origin works on at once', () => {
    for (const servers of [4, 10, 50, 300]) {
      const limit = new GradientLimit(ADAPTIVE, () => 0.5);
      run(limit, 60, servers, 10);
      assert.ok(limit.limit > servers && limit.limit < servers * 1.4, `${servers} servers, limit ${limit.limit}`);
      assert.ok(Math.abs(limit.baseMs - 10) < 1, `base ${limit.baseMs}`);
    }
  });

  it('takes an origin that became ten times slower for what it is, and does not starve it', () => {
    const limit = new GradientLimit(ADAPTIVE, () => 0.5);
    run(limit, 60, 20, 10);
    run(limit, 4, 20, 100);
    assert.ok(Math.abs(limit.baseMs - 100) < 10, `base ${limit.baseMs}`);
    assert.ok(limit.limit >= 20 && limit.limit <= 30, `limit ${limit.limit}`);
  });

  it('follows an origin that can do less or more at once', () => {
    const limit = new GradientLimit(ADAPTIVE, () => 0.5);
    run(limit, 60, 50, 10);
    run(limit, 60, 5, 10);
    assert.ok(limit.limit < 10, `limit ${limit.limit}`);
    run(limit, 60, 50, 10);
    assert.ok(limit.limit > 45, `limit ${limit.limit}`);
  });

  it('stays as it is while it is not felt, and within its bounds whatever comes', () => {
    const idle = new GradientLimit(ADAPTIVE, () => 0.5);
    for (let i = 0; i < 100; i++) idle.update({ ...used(5), isUsed: false });
    assert.equal(idle.limit, ADAPTIVE.initialLimit);
    const windows = fc.array(fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.boolean(), fc.nat(100_000)), { maxLength: 100 });
    fc.assert(
      fc.property(windows, (seen) => {
        const limit = new GradientLimit({ ...ADAPTIVE, maxLimit: 50 }, () => 0.5);
        for (const [sampleMs, isUsed, nowMs] of seen) {
          limit.update({ nowMs, sampleMs, isUsed, failedShare: 0 });
          assert.ok(limit.limit >= 3 && limit.limit <= 50 && limit.baseMs >= 0, `${limit.limit}`);
        }
      }),
    );
  });
});

describe('the gate', () => {
  it('lets in what the limit allows over all workers, the lower priorities less of it', () => {
    const blocks = createAdaptiveCells(3);
    const regulator = new AdaptiveRegulator(ADAPTIVE, { blocks, place: 2 }, () => 0.5);
    const gates = [0, 1, 2].map((worker) => new AdaptiveGate(blocks, worker, 2));
    const fill = (share: number): number => {
      let admitted = 0;
      while (gates[admitted % 3]?.admit(share)) admitted++;
      return admitted;
    };
    assert.equal(fill(shareOf('low')), 14);
    assert.equal(fill(shareOf('normal')), 4);
    assert.equal(fill(shareOf('high')), 2);
    assert.equal(regulator.figures.inFlight, 20);
    clearWorker(blocks, 1);
    assert.equal(regulator.figures.inFlight, 13);
    regulator.end();
    assert.ok(gates[0]?.admit(shareOf('low')), 'without a regulator nothing is shed');
  });
});

const SLOW_AT_MS = 10_000;
const OVERLOADED: World = {
  config: ADAPTIVE,
  servers: () => 16,
  serviceMs: (atMs, random) => (atMs < SLOW_AT_MS ? 5 : 50) * (0.5 + random()),
  ratePerSec: () => 6400,
  untilMs: 30_000,
};
/** Of the times without a queue: they go from half the mean to one and a half. */
const P99 = 1.49;

describe('an origin that becomes ten times slower under twice its load (simulated)', () => {
  it('keeps the 99th percentile below twice its own and the origin busy', () => {
    const { served } = simulate(OVERLOADED);
    for (const [fromMs, toMs, serviceMs] of [
      [1000, SLOW_AT_MS, 5],
      [SLOW_AT_MS, 30_000, 50],
    ] as const) {
      const p99Ms = latency(served, 0.99, fromMs, toMs);
      assert.ok(p99Ms <= 2 * serviceMs * P99, `${p99Ms} ms of ${serviceMs}`);
      const share = goodput(served, fromMs, toMs) / (16_000 / serviceMs);
      assert.ok(share >= 0.9, `${share} of the capacity`);
    }
  });

  it('without a limit answers take as long as the queue has grown', () => {
    const { served } = simulate({ ...OVERLOADED, config: undefined, ratePerSec: () => 640, untilMs: 20_000 });
    assert.ok(latency(served, 0.99, 15_000, 20_000) > 2000);
  });

  it('sheds the low first and the high last', () => {
    const priority = (random: () => number) => (random() < 0.2 ? 'high' : random() < 0.5 ? 'normal' : 'low');
    const { served, shed } = simulate({ ...OVERLOADED, priority });
    const shareShed = (name: 'high' | 'normal' | 'low'): number =>
      shed[name] / (shed[name] + served.filter((one) => one.priority === name).length);
    assert.ok(shareShed('low') > shareShed('normal') && shareShed('normal') > shareShed('high'));
  });
});

describe('the regulator', () => {
  it('judges no limit by a few answers that come first, or after a long silence', () => {
    const blocks = createAdaptiveCells(1);
    const gate = new AdaptiveGate(blocks, 0, 0);
    const regulator = new AdaptiveRegulator(ADAPTIVE, { blocks, place: 0 }, () => 0.5);
    const day = 86_400_000;
    gate.observe(5, day);
    regulator.tick(day);
    for (let ms = 50; ms <= 60_000; ms += 50) regulator.tick(day + ms);
    const judged = regulator.figures.sampleMs;
    for (let i = 0; i < 19; i++) gate.observe(500, day + 60_001);
    regulator.tick(day + 60_050);
    regulator.tick(day + 60_200);
    assert.equal(regulator.figures.sampleMs, judged);
    gate.observe(500, day + 60_201);
    regulator.tick(day + 60_250);
    assert.ok(regulator.figures.sampleMs > 400);
  });
});
