import { floatAt, wordAt } from '../base/elements.ts';
import { makeNumbers, type Numbers } from '../base/numbers.ts';
import { GRANULE_BYTES, GRANULE_WORDS, type StoreMemory } from './store-layout.ts';

/**
 * An owned block, in int32 from its start: a header, then bytes of the body. The first block of an object and the block made
 * by an update have a head between the two: the lengths, 16 float64, key (first block only), meta.
 */
export const BLOCK = Object.freeze({
  /** The next block of the body, + 1. Written last when a block is chained: the chain is whole at every moment. */
  NEXT: 0,
  /** Its own length in granules. */
  GRANULES: 1,
  /** Bytes of the body in this block. */
  USED: 2,
  /** Where they begin, in bytes from the block's start. */
  BODY_AT: 3,
  HEADER_BYTES: 16,
  /** Heads only. */
  KEY_LENGTH: 4,
  META_LENGTH: 5,
  NUMBERS_AT: 32,
  KEY_AT: 32 + 16 * 8,
});

/** Floats kept with each object. */
export const NUMBERS = 16;

/** Key and meta of an object together, in bytes: they stand in one block. */
export const MAX_HEAD_BYTES = 60 * 1024;

export type ObjectHead = { readonly key: string; readonly meta: string; readonly numbers: Numbers };

/** Where the meta begins in a block's head: behind the key, on a whole word. */
function metaAt(keyLength: number): number {
  return BLOCK.KEY_AT + ((keyLength + 3) & ~3);
}

/** Length of a head with what stands before it in the block, in bytes: where the body begins. */
export function headBytes(head: ObjectHead): number {
  return metaAt(head.key.length) + head.meta.length;
}

export function granulesFor(bytes: number): number {
  return Math.ceil(bytes / GRANULE_BYTES);
}

/** Makes the header of a block of the given length that is to hold the body from `bodyAt` on. */
export function writeBlockHeader(memory: StoreMemory, block: number, shape: { granules: number; bodyAt: number }): void {
  const at = block * GRANULE_WORDS;
  memory.words[at + BLOCK.NEXT] = 0;
  memory.words[at + BLOCK.GRANULES] = shape.granules;
  memory.words[at + BLOCK.USED] = 0;
  memory.words[at + BLOCK.BODY_AT] = shape.bodyAt;
}

export function writeHeadLengths(memory: StoreMemory, block: number, head: ObjectHead): void {
  memory.words[block * GRANULE_WORDS + BLOCK.KEY_LENGTH] = head.key.length;
  memory.words[block * GRANULE_WORDS + BLOCK.META_LENGTH] = head.meta.length;
}

/** Writes numbers, key and meta into a block that has room for them. */
export function writeHead(memory: StoreMemory, block: number, head: ObjectHead): void {
  const at = block * GRANULE_BYTES;
  const numbersAt = (at + BLOCK.NUMBERS_AT) / 8;
  for (let index = 0; index < NUMBERS; index += 1) memory.numbers[numbersAt + index] = head.numbers[index] ?? 0;
  const behindKey = at + metaAt(head.key.length);
  // Keys are compared by whole words.
  if (head.key.length > 0) memory.words[behindKey / 4 - 1] = 0;
  memory.bytes.write(head.key, at + BLOCK.KEY_AT, 'latin1');
  memory.bytes.write(head.meta, behindKey, 'latin1');
}

/**
 * Copies the head out of the first block and the head block. Both may be changing under us: lengths are not trusted, and the
 * caller checks the state word afterwards. Undefined when it cannot be right.
 */
export function readHead(memory: StoreMemory, first: number, headBlock: number): ObjectHead | undefined {
  const { words, bytes } = memory;
  const keyLength = wordAt(words, first * GRANULE_WORDS + BLOCK.KEY_LENGTH);
  const ownKeyLength = wordAt(words, headBlock * GRANULE_WORDS + BLOCK.KEY_LENGTH);
  const metaLength = wordAt(words, headBlock * GRANULE_WORDS + BLOCK.META_LENGTH);
  if (keyLength < 0 || ownKeyLength < 0 || metaLength < 0) return undefined;
  if (keyLength > MAX_HEAD_BYTES || ownKeyLength > MAX_HEAD_BYTES || metaLength > MAX_HEAD_BYTES) return undefined;
  const keyFrom = first * GRANULE_BYTES + BLOCK.KEY_AT;
  const metaFrom = headBlock * GRANULE_BYTES + metaAt(ownKeyLength);
  if (keyFrom + keyLength > bytes.length || metaFrom + metaLength > bytes.length) return undefined;
  return {
    key: bytes.toString('latin1', keyFrom, keyFrom + keyLength),
    meta: bytes.toString('latin1', metaFrom, metaFrom + metaLength),
    numbers: readNumbers(memory, headBlock),
  };
}

function readNumbers(memory: StoreMemory, headBlock: number): Numbers {
  const from = (headBlock * GRANULE_BYTES + BLOCK.NUMBERS_AT) / 8;
  const numbers = makeNumbers();
  for (let index = 0; index < NUMBERS; index += 1) numbers[index] = floatAt(memory.numbers, from + index);
  return numbers;
}
