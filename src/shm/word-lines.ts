import { createSegment, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

/** Words of one line. */
export const LINE_WORDS = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;

const VERSION = 1;

/**
 * Lines of sixteen int32 words, a cache line each: what is said of one thing by many threads. Which word means what, who writes it and how, is
 * decided by whoever owns the lines; here they are only zero at first and never share a cache line with another thing's.
 */
export class WordLines {
  readonly memory: SharedArrayBuffer;
  /** Word `i` of line `n` is at `n * LINE_WORDS + i`. For Atomics. */
  readonly words: Int32Array;
  readonly lines: number;

  /** Throws when the memory is of something else. */
  constructor(memory: SharedArrayBuffer) {
    const [lines = 0] = readDimensions(memory, SEGMENT_KINDS.wordLines, VERSION);
    const { offset } = planWordLines(lines).regions.lines;
    this.memory = memory;
    this.lines = lines;
    this.words = new Int32Array(memory, offset, lines * LINE_WORDS);
  }
}

/** Called once, by the coordinator. */
export function createWordLines(lines: number): WordLines {
  return new WordLines(createSegment(planWordLines(lines)));
}

function planWordLines(lines: number): SegmentPlan<'lines'> {
  return planSegment({ kind: SEGMENT_KINDS.wordLines, version: VERSION, dimensions: [lines] }, [['lines', lines * LINE_BYTES]]);
}
