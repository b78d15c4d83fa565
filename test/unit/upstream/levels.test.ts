import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type EndpointStanding, levelAt, type Levels, levelsOf, OVERPROVISIONING } from '../../../src/upstream/levels.ts';

const SETTINGS = { panicThreshold: 0.5, overprovisioning: OVERPROVISIONING, zone: '' };

/** A hundred endpoints for each priority, of which so many are well. */
function withHealth(percents: readonly number[]): EndpointStanding[] {
  return percents.flatMap((percent, priority) =>
    Array.from({ length: 100 }, (_, i) => standing({ index: priority * 100 + i, priority, isUsable: i < percent })),
  );
}

function standing(partial: Partial<EndpointStanding>): EndpointStanding {
  return { index: 0, priority: 0, zone: '', weight: 1, share: 1000, isUsable: true, ...partial };
}

function loads(levels: Levels, priorities: number): number[] {
  return Array.from({ length: priorities }, (_, priority) =>
    levels.reduce((sum, level) => sum + (level.priority === priority ? level.load : 0), 0),
  );
}

/** Truncated as the tables of Envoy's documentation have them, which count in whole percent. */
const percentsOf = (levels: Levels, priorities: number): number[] => loads(levels, priorities).map((load) => Math.trunc(load * 100 + 1e-6));

const near = (actual: readonly number[], expected: readonly number[]): void => {
  for (const [at, value] of actual.entries()) assert.ok(Math.abs(value - (expected[at] ?? -1)) <= 1, `${actual} is ${expected}, to 1 %`);
};

describe('load of priorities', () => {
  // Envoy, "Priority levels": health of each level, and the traffic it gets, in percent.
  const examples: readonly (readonly [health: readonly number[], traffic: readonly number[]])[] = [
    [
      [100, 100],
      [100, 0],
    ],
    [
      [72, 100],
      [100, 0],
    ],
    [
      [71, 100],
      [99, 1],
    ],
    [
      [50, 100],
      [70, 30],
    ],
    [
      [25, 100],
      [35, 65],
    ],
    [
      [0, 100],
      [0, 100],
    ],
    [
      [72, 72],
      [100, 0],
    ],
    [
      [71, 71],
      [99, 1],
    ],
    [
      [50, 50],
      [70, 30],
    ],
    [
      [25, 25],
      [50, 50],
    ],
    [
      [100, 100, 100],
      [100, 0, 0],
    ],
    [
      [72, 72, 100],
      [100, 0, 0],
    ],
    [
      [71, 71, 100],
      [99, 1, 0],
    ],
    [
      [50, 50, 100],
      [70, 30, 0],
    ],
    [
      [25, 100, 100],
      [35, 65, 0],
    ],
    [
      [25, 25, 100],
      [35, 35, 30],
    ],
  ];
  for (const [health, traffic] of examples) {
    it(`${health.join(', ')} % well get ${traffic.join(', ')} %`, () => {
      near(percentsOf(levelsOf(withHealth(health), SETTINGS), health.length), traffic);
    });
  }

  // Envoy, "Panic threshold", at 50 %: health, traffic, and who panics.
  const panics: readonly (readonly [
    health: readonly [number, number],
    traffic: readonly [number, number],
    panic: readonly [boolean, boolean],
  ])[] = [
    [
      [72, 72],
      [100, 0],
      [false, false],
    ],
    [
      [71, 71],
      [99, 1],
      [false, false],
    ],
    [
      [50, 60],
      [70, 30],
      [false, false],
    ],
    [
      [50, 50],
      [70, 30],
      [false, false],
    ],
    [
      [25, 100],
      [35, 65],
      [false, false],
    ],
    [
      [25, 25],
      [50, 50],
      [true, true],
    ],
    [
      [5, 65],
      [7, 93],
      [true, false],
    ],
  ];
  for (const [health, traffic, panic] of panics) {
    it(`${health.join(', ')} % well: panic ${panic.join(', ')}`, () => {
      const levels = levelsOf(withHealth(health), SETTINGS);
      near(percentsOf(levels, 2), traffic);
      assert.deepEqual(
        levels.map(({ isPanicking }) => isPanicking),
        panic,
      );
      for (const { isPanicking, indices, priority } of levels)
        assert.equal(indices.length, isPanicking ? 100 : health[priority], 'a level that panics uses all');
    });
  }

  it('with nobody well each level has its part by size, and without a panic threshold nobody is asked', () => {
    const endpoints = [...withHealth([0]), ...withHealth([0]).map((one) => ({ ...one, index: one.index + 100, priority: 1 }))].slice(
      0,
      150,
    );
    const levels = levelsOf(endpoints, SETTINGS);
    near(percentsOf(levels, 2), [67, 33]);
    assert.ok(levels.every(({ isPanicking }) => isPanicking));
    assert.deepEqual(levelsOf(endpoints, { ...SETTINGS, panicThreshold: 0 }), []);
    assert.deepEqual(levelsOf([], SETTINGS), []);
  });

  it('a level whose others have room keeps to its healthy ones, however few', () => {
    const [first] = levelsOf(withHealth([1, 100]), SETTINGS);
    assert.deepEqual(first?.indices, [0]);
  });

  it('without a load of its own a level is there for who may not ask the same endpoint twice', () => {
    const levels = levelsOf([standing({ index: 0 }), standing({ index: 1, priority: 1 })], SETTINGS);
    assert.deepEqual(
      levels.map(({ load, indices }) => ({ load, indices })),
      [
        { load: 1, indices: [0] },
        { load: 0, indices: [1] },
      ],
    );
  });

  it('health goes by weight, and what a slow start takes off is no sickness', () => {
    const heavyIsDown = [standing({ index: 0, weight: 3, isUsable: false }), standing({ index: 1 }), standing({ index: 2, priority: 1 })];
    near(percentsOf(levelsOf(heavyIsDown, SETTINGS), 2), [35, 65]);
    const [slow] = levelsOf([standing({ index: 0, weight: 2, share: 100 }), standing({ index: 1, weight: 1 })], SETTINGS);
    assert.equal(slow?.load, 1);
    assert.deepEqual(slow?.weights, [200, 1000]);
    assert.equal(slow?.fullWeight, 2000);
  });

  it('a share goes in twentieths, so that a slow start of many small steps makes few tables', () => {
    const weightsAt = (share: number) => levelsOf([standing({ share })], SETTINGS)[0]?.weights;
    const seen = new Set(Array.from({ length: 1000 }, (_, i) => String(weightsAt(i + 1))));
    assert.equal(seen.size, 20);
    assert.deepEqual([weightsAt(1), weightsAt(950), weightsAt(951), weightsAt(1000)], [[50], [950], [1000], [1000]]);
  });
});

describe('zones', () => {
  it('endpoints of the own zone go before the others of their priority, and those before the next priority', () => {
    const endpoints = [
      standing({ index: 0, zone: 'b' }),
      standing({ index: 1, zone: 'a' }),
      standing({ index: 2, zone: 'a', isUsable: false }),
      standing({ index: 3, zone: 'a', priority: 1 }),
      standing({ index: 4 }),
    ];
    const levels = levelsOf(endpoints, { ...SETTINGS, zone: 'a' });
    assert.deepEqual(
      levels.map(({ indices }) => indices),
      [[1], [0, 4], [3]],
    );
    near(
      levels.map(({ load }) => load * 100),
      [70, 30, 0],
    );
  });

  it('do not count where this host has none', () => {
    const levels = levelsOf([standing({ index: 0, zone: 'b' }), standing({ index: 1, zone: 'a' })], SETTINGS);
    assert.deepEqual(levels[0]?.indices, [0, 1]);
  });
});

describe('levels', () => {
  const arbitrary = fc.array(
    fc.record({
      index: fc.nat(1000),
      priority: fc.nat(3),
      zone: fc.constantFrom('', 'a', 'b'),
      weight: fc.integer({ min: 1, max: 1000 }),
      share: fc.integer({ min: 0, max: 1000 }),
      isUsable: fc.boolean(),
    }),
    { maxLength: 20 },
  );

  it('share the whole load, each with endpoints that may be asked unless it panics, and every point falls on one with load', () => {
    fc.assert(
      fc.property(arbitrary, fc.constantFrom('', 'a'), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (endpoints, zone, point) => {
        const levels = levelsOf(endpoints, { ...SETTINGS, zone });
        if (endpoints.length === 0) return assert.equal(levels.length, 0);
        assert.ok(Math.abs(levels.reduce((sum, { load }) => sum + load, 0) - 1) < 1e-6);
        for (const { indices, weights, isPanicking } of levels) {
          assert.ok(indices.length > 0 && indices.length === weights.length);
          assert.ok(weights.every((weight) => Number.isInteger(weight) && weight >= 1));
          if (isPanicking) continue;
          assert.ok(indices.every((index) => endpoints.some((one) => one.index === index && one.isUsable && one.share > 0)));
        }
        assert.ok((levels[levelAt(levels, point)]?.load ?? 0) > 0);
      }),
    );
  });
});
