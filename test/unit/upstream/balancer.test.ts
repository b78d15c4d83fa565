import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RoundRobin } from '../../../src/upstream/balancer.ts';

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
});
