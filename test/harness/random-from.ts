import { SeededRandom } from '../../scripts/sim/random.ts';

/** Repeatable numbers from 0 up to, not including, 1: the same seed gives the same ones. */
export function randomFrom(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.next();
}
