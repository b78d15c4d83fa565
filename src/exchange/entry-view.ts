import type { Numbers } from '../base/numbers.ts';
import { BIT_HEADERS_ONLY, BIT_STRONG_VALIDATOR, N_BITS, N_COMPLETE_LENGTH, N_EPOCH, N_STATUS } from '../cache/numbers.ts';
import { decodeMeta, epochNames, type StoredMeta, type StoredView } from '../cache/stored.ts';
import type { Epochs } from '../shm/epochs.ts';
import type { FillingObject } from '../shm/filling-object.ts';
import type { AnswerFraming } from './client-port.ts';

/** What of an object an entry is read from. */
export type EntrySource = { readonly meta: string; readonly numbers: Numbers; readonly bodyLength: number };

/** A response in shared memory, read: its meta, and the head that clients of a route get. */
export class EntryView implements StoredView {
  readonly meta: StoredMeta;
  readonly numbers: Numbers;
  /** -1 = not known yet, of one that is still being filled. */
  readonly bodyLength: number;
  /** Cells of the invalidation epochs for its URL, tags and groups. */
  private readonly cells: readonly number[];
  readonly framing: AnswerFraming;
  readonly status: number;
  /** FLAG_ bits of the store and what the epochs say, as of the last look. */
  flags = 0;
  /** The client's field lines without `Age` and `Cache-Status`, and the response policy that they were made by. */
  builtBy: object | null = null;
  built = '';
  statusText = '';

  constructor(epochs: Epochs, source: EntrySource, meta: StoredMeta) {
    this.meta = meta;
    this.numbers = source.numbers;
    this.bodyLength = source.bodyLength;
    const [url = '', ...names] = epochNames(meta);
    this.cells = [epochs.urlCellOf(url), ...names.map((name) => epochs.cellOf(name))];
    this.framing = source.bodyLength < 0 ? { kind: 'unknown' } : { kind: 'length', bytes: source.bodyLength };
    this.status = source.numbers[N_STATUS] ?? 0;
  }

  /** The answer to a HEAD. */
  get isHeadersOnly(): boolean {
    return ((this.numbers[N_BITS] ?? 0) & BIT_HEADERS_ONLY) !== 0;
  }

  /** Parts of it that come at other times can be told to belong to it. */
  get hasStrongTag(): boolean {
    return ((this.numbers[N_BITS] ?? 0) & BIT_STRONG_VALIDATOR) !== 0;
  }

  /** `gone`: purged or invalidated since its request was sent. */
  judge(epochs: Epochs): 'valid' | 'stale' | 'gone' {
    return epochs.verdict(this.cells, this.numbers[N_EPOCH] ?? 0);
  }
}

/** A response that is still being filled. `undefined`: it was written by another version. */
export function readFilling(epochs: Epochs, { meta, numbers }: FillingObject): EntryView | undefined {
  const read = decodeMeta(meta);
  return read === undefined ? undefined : new EntryView(epochs, { meta, numbers, bodyLength: numbers[N_COMPLETE_LENGTH] ?? -1 }, read);
}
