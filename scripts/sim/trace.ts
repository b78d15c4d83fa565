import { SeededRandom } from './random.ts';

export type SizeKind = 'fixed' | 'mixed';

export type TraceShape = {
  /** Exponent of Zipf's law over the objects that come again and again. */
  readonly zipf: number;
  readonly objects: number;
  readonly requests: number;
  /** Share of the requests that are scans: keys asked for once and never again. */
  readonly scanShare: number;
  /** Scans come in runs of about so many requests. */
  readonly scanRun: number;
  readonly sizes: SizeKind;
  readonly seed: number;
};

export type Trace = {
  readonly shape: TraceShape;
  /** The keys in the order of their requests, numbered from 0. */
  readonly keys: Uint32Array;
  /** Bytes of body by key. */
  readonly bodyBytes: Uint32Array;
};

const FIXED_BYTES = 1024;
/** Mixed sizes: log-normal about a median of 2 KiB, some 95 % between 150 bytes and 30 KiB, cut off at 256 KiB. */
const MIXED_MEDIAN = 2048;
const MIXED_SIGMA = 1.35;
const MIXED_MAX = 256 * 1024;

export function makeTrace(shape: TraceShape): Trace {
  const random = new SeededRandom(shape.seed);
  const keys = drawKeys(shape, random);
  let highest = 0;
  for (const key of keys) highest = Math.max(highest, key);
  const bodyBytes = new Uint32Array(highest + 1);
  for (let key = 0; key <= highest; key += 1) bodyBytes[key] = shape.sizes === 'fixed' ? FIXED_BYTES : mixedBytes(random);
  return { shape, keys, bodyBytes };
}

function drawKeys(shape: TraceShape, random: SeededRandom): Uint32Array {
  const { objects, requests, scanShare, scanRun } = shape;
  const keys = new Uint32Array(requests);
  const draw = zipfSampler(objects, shape.zipf, random);
  // Ranks are dealt to keys at random, so that the number of a key tells nothing of how wanted it is.
  const keyOfRank = shuffled(objects, random);
  // A run begins so often that scans make up their share in the end.
  const runChance = scanShare / (scanRun * (1 - scanShare));
  let nextScanKey = objects;
  let scanLeft = 0;
  for (let i = 0; i < requests; i += 1) {
    if (scanLeft === 0 && random.next() < runChance) scanLeft = 1 + random.below(2 * scanRun);
    if (scanLeft > 0) {
      scanLeft -= 1;
      keys[i] = nextScanKey;
      nextScanKey += 1;
    } else {
      keys[i] = keyOfRank[draw()] ?? 0;
    }
  }
  return keys;
}

/** Draws ranks from 0: rank r comes with a probability proportional to 1 / (r + 1) ** exponent. */
function zipfSampler(ranks: number, exponent: number, random: SeededRandom): () => number {
  const cumulated = new Float64Array(ranks);
  let total = 0;
  for (let rank = 0; rank < ranks; rank += 1) {
    total += 1 / (rank + 1) ** exponent;
    cumulated[rank] = total;
  }
  return () => {
    const wanted = random.next() * total;
    let low = 0;
    let high = ranks - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulated[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function shuffled(count: number, random: SeededRandom): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    const kept = order[at] ?? 0;
    order[at] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}

function mixedBytes(random: SeededRandom): number {
  return Math.min(MIXED_MAX, Math.max(1, Math.round(MIXED_MEDIAN * Math.exp(MIXED_SIGMA * random.normal()))));
}

/** What all distinct keys of the trace would need together, each charged `chargeOf(its body)`. */
export function footprintBytes(trace: Trace, chargeOf: (bodyBytes: number) => number): number {
  const seen = new Uint8Array(trace.bodyBytes.length);
  let total = 0;
  for (const key of trace.keys) {
    if (seen[key] === 1) continue;
    seen[key] = 1;
    total += chargeOf(trace.bodyBytes[key] ?? 0);
  }
  return total;
}
