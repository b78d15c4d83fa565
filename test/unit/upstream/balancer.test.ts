import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { idle, type Load, SETTINGS, seeded, spreadOf } from '../../../scripts/sim/balancing.ts';
import { hash32 } from '../../../src/base/hash32.ts';
import type { BalanceMethod } from '../../../src/config/balance-types.ts';
import { type Balancer, makeBalancer, RoundRobin } from '../../../src/upstream/balancer.ts';
import { MAGLEV_PLACES } from '../../../src/upstream/maglev.ts';

const METHODS: readonly BalanceMethod[] = ['round-robin', 'random', 'least-requests', 'ring-hash', 'maglev'];
const HASHING = ['ring-hash', 'maglev'] as const;
const KEYS = Array.from({ length: 20_000 }, (_, i) => hash32(`client-${i}`));

function sharesOf(balancer: Balancer, count: number): number[] {
  const picks = new Array<number>(count).fill(0);
  for (const key of KEYS) {
    const index = balancer.pick(key, -1);
    picks[index] = (picks[index] ?? 0) + 1;
  }
  return picks.map((picked) => picked / KEYS.length);
}

describe('weighted round-robin', () => {
  it('spreads the picks of a heavy endpoint among the others', () => {
    const balancer = new RoundRobin([5, 1, 1]);
    assert.deepEqual(
      Array.from({ length: 7 }, () => balancer.pick()),
      [0, 0, 1, 0, 2, 0, 0],
    );
  });

  it('picks each as often as its weight says, in every run as long as the sum of the weights', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }), fc.nat(5), (weights, rounds) => {
        const balancer = new RoundRobin(weights);
        const sum = weights.reduce((total, weight) => total + weight, 0);
        for (let round = 0; round <= rounds; round++) {
          const counts = weights.map(() => 0);
          for (let i = 0; i < sum; i++) {
            const index = balancer.pick();
            counts[index] = (counts[index] ?? 0) + 1;
          }
          assert.deepEqual(counts, weights);
        }
      }),
    );
  });

  it('goes in the same order whatever unit weights are in, such as thousandths', () => {
    const [plain, thousandths] = [new RoundRobin([5, 1, 1]), new RoundRobin([5000, 1000, 1000])];
    for (let i = 0; i < 100; i++) assert.equal(thousandths.pick(), plain.pick());
  });

  it('an endpoint that fails each time is asked no more often for it', () => {
    const balancer = new RoundRobin([1, 1, 1]);
    const firsts = [0, 0, 0];
    for (let i = 0; i < 300; i++) {
      const first = balancer.pick();
      firsts[first] = (firsts[first] ?? 0) + 1;
      if (first === 0) assert.notEqual(balancer.pick(0, 0), 0);
    }
    assert.ok(Math.abs((firsts[0] ?? 0) - 100) <= 1, `first tries: ${firsts}`);
  });
});

for (const method of METHODS) {
  describe(`balancing by ${method}`, () => {
    it('never picks the one to be avoided where there is another, whatever the weights', () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 6 }),
          fc.nat(),
          fc.constantFrom(0, 1.25),
          fc.array(fc.nat(5), { minLength: 6, maxLength: 6 }),
          (weights, seed, boundedLoad, inFlight) => {
            const input = { ...idle(weights, seeded(seed)), inFlightOf: (index: number) => inFlight[index] ?? 0 };
            const balancer = makeBalancer({ ...SETTINGS, method, boundedLoad, ringSize: 64 }, input);
            for (let i = 0; i < 20; i++) {
              const avoid = i % weights.length;
              const index = balancer.pick(hash32(String(i)), avoid);
              assert.ok(index >= 0 && index < weights.length);
              if (weights.length > 1) assert.notEqual(index, avoid);
            }
          },
        ),
        { numRuns: method === 'maglev' ? 20 : 200 },
      );
    });

    it('gives each its part by weight', () => {
      for (const weights of [
        [1, 1],
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [5, 3, 1],
        [1000, 100, 400, 1000],
      ]) {
        const sum = weights.reduce((total, weight) => total + weight, 0);
        const shares = sharesOf(makeBalancer({ ...SETTINGS, method }, idle(weights)), weights.length);
        for (const [at, share] of shares.entries()) {
          const due = (weights[at] ?? 0) / sum;
          assert.ok(Math.abs(share / due - 1) < 0.15, `weights ${weights}: shares ${shares}`);
        }
      }
    });
  });
}

for (const method of HASHING) {
  describe(`hashing by ${method}`, () => {
    const settings = { ...SETTINGS, method };

    it('a key has the same endpoint on every host and after every restart, in whatever order endpoints are listed', () => {
      const input = idle([1, 2, 1, 1]);
      const one = makeBalancer(settings, input);
      const reversed = { ...input, names: input.names.toReversed(), weights: input.weights.toReversed() };
      const other = makeBalancer(settings, reversed);
      for (const key of KEYS.slice(0, 2000)) assert.equal(input.names[one.pick(key, -1)], reversed.names[other.pick(key, -1)]);
      // Values of the first version: another one would move all clients at an upgrade.
      const first = KEYS.slice(0, 12).map((key) => one.pick(key, -1));
      assert.deepEqual(first, PINNED[method]);
    });

    it('when one of n leaves no more than 1/n + 10 % of the keys move, and they come back with it', () => {
      const rows: string[] = [];
      for (const count of [3, 10, 50]) {
        const input = idle(new Array<number>(count).fill(1));
        const before = makeBalancer(settings, input);
        const gone = count - 2;
        const left = { ...input, names: input.names.filter((_, at) => at !== gone), weights: input.weights.slice(1) };
        const after = makeBalancer(settings, left);
        const again = makeBalancer(settings, input);
        let [moved, movedOfOthers] = [0, 0];
        for (const key of KEYS) {
          const home = before.pick(key, -1);
          assert.equal(again.pick(key, -1), home);
          if (left.names[after.pick(key, -1)] === input.names[home]) continue;
          moved++;
          if (home !== gone) movedOfOthers++;
        }
        assert.ok(moved / KEYS.length <= 1 / count + 0.1, `${moved} of ${KEYS.length} keys moved with one of ${count}`);
        if (method === 'ring-hash') assert.equal(movedOfOthers, 0, 'on a ring only the keys of the one that left move');
        rows.push(
          `${count}: ${((100 * moved) / KEYS.length).toFixed(1)} % (of the others ${((100 * movedOfOthers) / KEYS.length).toFixed(2)} %)`,
        );
      }
      console.log(`# ${method}: keys that move when one leaves, of ${rows.join(', of ')}`);
    });

    it('nobody has more than his bound of what is in flight, and a key stays where there is room', () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 8 }),
          fc.constantFrom(1.05, 1.25, 2),
          fc.integer({ min: 1, max: 3 }),
          (weights, boundedLoad, keys) => {
            const sum = weights.reduce((total, weight) => total + weight, 0);
            const inFlight = weights.map(() => 0);
            const input = { ...idle(weights), inFlightOf: (index: number) => inFlight[index] ?? 0 };
            const bounded = makeBalancer({ ...settings, boundedLoad }, input);
            const free = makeBalancer(settings, input);
            for (let total = 1; total <= 200; total++) {
              const key = KEYS[total % keys] ?? 0;
              const index = bounded.pick(key, -1);
              const room = (at: number): number => Math.ceil((boundedLoad * total * (weights[at] ?? 0)) / sum - 1e-9);
              const home = free.pick(key, -1);
              if ((inFlight[home] ?? 0) < room(home)) assert.equal(index, home);
              inFlight[index] = (inFlight[index] ?? 0) + 1;
              assert.ok((inFlight[index] ?? 0) <= room(index), `${inFlight} of ${total} at ${boundedLoad}`);
            }
          },
        ),
        { numRuns: method === 'maglev' ? 15 : 100 },
      );
    });
  });
}

for (const method of HASHING) {
  it(`by ${method} with many endpoints nobody has more than one above his bound, although not all are added up at each pick`, () => {
    const count = 64;
    const inFlight = new Array<number>(count).fill(0);
    const input = { ...idle(new Array<number>(count).fill(1)), inFlightOf: (index: number) => inFlight[index] ?? 0 };
    const balancer = makeBalancer({ ...SETTINGS, method, boundedLoad: 1.25 }, input);
    for (let total = 1; total <= 2000; total++) {
      const index = balancer.pick(KEYS[total % 3] ?? 0, -1);
      inFlight[index] = (inFlight[index] ?? 0) + 1;
      assert.ok((inFlight[index] ?? 0) <= Math.ceil((1.25 * total) / count) + 1, `${total}: ${inFlight}`);
    }
  });
}

it('a maglev table has every endpoint within 1 % of its part, counted place by place', () => {
  const balancer = makeBalancer({ ...SETTINGS, method: 'maglev' }, idle([1, 1, 1, 1, 1, 2, 3]));
  const places = new Array<number>(7).fill(0);
  for (let place = 0; place < MAGLEV_PLACES; place++) {
    const index = balancer.pick(place, -1);
    places[index] = (places[index] ?? 0) + 1;
  }
  for (const [at, weight] of [1, 1, 1, 1, 1, 2, 3].entries())
    assert.ok(Math.abs((places[at] ?? 0) / ((MAGLEV_PLACES * weight) / 10) - 1) < 0.01, `${places}`);
});

describe('least-requests before endpoints of different speed', () => {
  it('loads the fullest endpoint less above the mean than round-robin, at every seed, and its answers are faster', () => {
    const latenciesMs = [5, 5, 5, 5, 5, 5, 10, 10, 15, 20];
    for (let seed = 1; seed <= 5; seed++) {
      const load: Load = { latenciesMs, requestsPerMs: 0.45, durationMs: 40_000, seed };
      const [turns, chosen] = [spreadOf(SETTINGS, load), spreadOf({ ...SETTINGS, method: 'least-requests' }, load)];
      const figures = `max/mean ${chosen.maxOverMean.toFixed(2)} against ${turns.maxOverMean.toFixed(2)}, p99 ${chosen.p99Ms.toFixed(0)} against ${turns.p99Ms.toFixed(0)} ms`;
      console.log(`# seed ${seed}: least-requests against round-robin: ${figures}`);
      assert.ok(chosen.maxOverMean < turns.maxOverMean * 0.9, figures);
      assert.ok(chosen.p99Ms < turns.p99Ms, figures);
    }
  });
});

const PINNED: Readonly<Record<(typeof HASHING)[number], readonly number[]>> = {
  'ring-hash': [1, 3, 3, 0, 3, 0, 0, 1, 2, 3, 2, 1],
  maglev: [0, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0, 0],
};
