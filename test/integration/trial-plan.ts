import { randomFrom } from '../harness/random-from.ts';
import { createCipheriv, createHash } from 'node:crypto';

/** What is tried: an answer, who asks for it, and what goes wrong while it is on its way. All of it follows from the seed. */

/** `worker`: the leader's thread ends. `client`: the leader's client leaves. `connection`: the origin resets what it has open. `origin`: it does, and is gone for a while. */
export const FAULTS = ['worker', 'client', 'connection', 'origin'] as const;
export type FaultKind = (typeof FAULTS)[number];

export type TrialPlan = {
  readonly name: string;
  readonly fault: FaultKind;
  readonly bytes: number;
  readonly framing: 'length' | 'chunked';
  readonly validator: 'strong' | 'weak' | 'none';
  /** How the origin takes `Range`: as it should, not at all, or it sends another part than was asked for. */
  readonly ranges: 'good' | 'ignored' | 'other-part';
  /** Where the first answer stops until something has gone wrong: before its head, or after so many bytes of its body. */
  readonly stopAt: number | 'before-head' | 'never';
  /** From when all have asked to the fault, where the answer does not stop for it, ms. */
  readonly faultAfterMs: number;
  /** From the fault until the first answer goes on, and until an origin that has gone is back, ms. */
  readonly pauseMs: number;
  /** The origin has other content afterwards, with another validator. */
  readonly isChanged: boolean;
  /** Beside the leader; the last of them ask when something has gone wrong already. */
  readonly followers: number;
  readonly lateFollowers: number;
  readonly pieceBytes: number;
  readonly random: () => number;
};

const SIZES = [100, 5000, 70_000, 300_000, 1_000_000];

/** Kinds of faults take turns; everything else is drawn. */
export function planTrial(seed: number, index: number): TrialPlan {
  const random = randomFrom(seed * 1_000_003 + index);
  const below = (limit: number): number => Math.floor(random() * limit);
  const oneOf = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const bytes = 1 + below(oneOf(SIZES));
  const where = random();
  return {
    name: `t${seed}-${index}`,
    fault: FAULTS[index % FAULTS.length] ?? 'worker',
    bytes,
    framing: oneOf(['length', 'chunked']),
    validator: oneOf(['strong', 'strong', 'weak', 'none']),
    ranges: oneOf(['good', 'good', 'good', 'ignored', 'other-part']),
    stopAt: where < 0.2 ? 'before-head' : where < 0.75 ? below(bytes) : 'never',
    faultAfterMs: random() * 30,
    pauseMs: random() * 60,
    isChanged: random() < 0.25,
    followers: 3 + below(8),
    lateFollowers: below(3),
    pieceBytes: Math.ceil(bytes / (1 + below(50))),
    random,
  };
}

/** Each version of each answer has bytes of its own, and no part of it is like another. */
export function bodyOf(name: string, version: number, bytes: number): Buffer {
  const seed = createHash('sha256').update(`${name} ${version}`).digest();
  return createCipheriv('aes-128-ctr', seed.subarray(0, 16), seed.subarray(16)).update(Buffer.alloc(bytes));
}

export function tagOf({ name, validator }: Pick<TrialPlan, 'name' | 'validator'>, version: number): string | undefined {
  if (validator === 'none') return undefined;
  return `${validator === 'weak' ? 'W/' : ''}"${name}-${version}"`;
}
