const EMPTY = Buffer.alloc(0);
/** Longer heads are parsed each time. */
const MAX_MEMO_BYTES = 2048;
/** After so many different heads in a row … */
const MISSES_BEFORE_REST = 8;
/** … only each so-many-th is remembered, so that a connection whose heads all differ pays next to nothing. */
const REST = 32;

/**
 * The bytes of the head that was parsed last on a connection. Origins send the same head again and again (but for `Date`, once
 * a second), and so do clients that ask for one thing: a comparison of 200 bytes takes 0.1 µs, vetting them anew 0.5 µs (`scripts/micro/head-memo.ts`). Exactly equal
 * bytes have an equal meaning, so nothing is taken on trust.
 */
export class HeadMemo {
  length = 0;
  private bytes: Buffer = EMPTY;
  private misses = 0;

  matches(buffer: Buffer, start: number, end: number): boolean {
    const { length } = this;
    if (length === 0 || start + length > end) return false;
    // The last bytes before the end differ first where the end of the head does.
    if (this.bytes.compare(buffer, start, start + length, 0, length) === 0) {
      this.misses = 0;
      return true;
    }
    this.length = 0;
    this.misses++;
    return false;
  }

  /** The head now parsed; what was kept before means nothing any more, because the parsed head is overwritten. */
  store(buffer: Buffer, start: number, end: number): void {
    this.length = 0;
    const length = end - start;
    if (length > MAX_MEMO_BYTES || (this.misses > MISSES_BEFORE_REST && this.misses++ % REST !== 0)) return;
    if (this.bytes.length < length) this.bytes = Buffer.allocUnsafeSlow(Math.min(MAX_MEMO_BYTES, Math.max(512, 2 * length)));
    buffer.copy(this.bytes, 0, start, end);
    this.length = length;
  }

  /** The parsed head was overwritten by another that is not to be remembered. */
  forget(): void {
    this.length = 0;
  }
}
