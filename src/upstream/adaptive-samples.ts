/**
 * Response times as counts in buckets, so that many threads can each keep their own and one can add them up: a bucket is about 4 % wide
 * (16 to a doubling), from 0.1 ms to 100 s and a little over. What is outside counts in the first or the last.
 */
const FIRST_MS = 0.1;
const PARTS = 16;
const DOUBLINGS = 20;

export const SAMPLE_BUCKETS = DOUBLINGS * PARTS;

/** The bucket of a time in ms. */
export function sampleBucket(ms: number): number {
  if (!(ms > FIRST_MS)) return 0;
  return Math.min(SAMPLE_BUCKETS - 1, Math.floor(Math.log2(ms / FIRST_MS) * PARTS));
}

/** The time in ms that stands for a bucket: its geometric middle. */
export function timeOfBucket(bucket: number): number {
  return FIRST_MS * 2 ** ((bucket + 0.5) / PARTS);
}

/** The quantile (0 to 1) of counts in buckets, in ms; 0 when there are none. */
export function sampleQuantile(counts: ArrayLike<number>, quantile: number): number {
  let total = 0;
  for (let bucket = 0; bucket < SAMPLE_BUCKETS; bucket++) total += counts[bucket] ?? 0;
  if (total === 0) return 0;
  const rank = Math.max(1, Math.ceil(total * quantile));
  let seen = 0;
  for (let bucket = 0; bucket < SAMPLE_BUCKETS; bucket++) {
    seen += counts[bucket] ?? 0;
    if (seen >= rank) return timeOfBucket(bucket);
  }
  return timeOfBucket(SAMPLE_BUCKETS - 1);
}

/**
 * The mean of the fastest `share` (0 to 1), in ms; 0 when there are none. Unlike a quantile it grows evenly with a queue (Little's law), also where
 * all answers take the same time and a quantile jumps from once that to twice; and a few that hang do not count.
 */
export function trimmedMean(counts: ArrayLike<number>, share: number): number {
  let total = 0;
  for (let bucket = 0; bucket < SAMPLE_BUCKETS; bucket++) total += counts[bucket] ?? 0;
  if (total === 0) return 0;
  const wanted = Math.max(1, total * share);
  let seen = 0;
  let sum = 0;
  for (let bucket = 0; bucket < SAMPLE_BUCKETS && seen < wanted; bucket++) {
    const taken = Math.min(counts[bucket] ?? 0, wanted - seen);
    seen += taken;
    sum += taken * timeOfBucket(bucket);
  }
  return sum / seen;
}
