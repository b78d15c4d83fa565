import { BIT_HEADERS_ONLY, N_BITS, N_EPOCH, N_STATUS } from '../cache/numbers.ts';
import { decodeMeta, epochNames, type StoredMeta, type StoredView } from '../cache/stored.ts';
import type { Epochs } from '../shm/epochs.ts';
import type { StoredObject } from '../shm/stored-object.ts';
import type { AnswerFraming } from './client-port.ts';

/**
 * What one worker has made of an object in the store: its meta read, and the head that clients of a route get. Kept as long
 * as the object is current, so that a hit need not make it again.
 */
export class StoredEntry implements StoredView {
  readonly object: StoredObject;
  readonly meta: StoredMeta;
  /** Cells of the invalidation epochs for its URL, tags and groups. */
  private readonly cells: readonly number[];
  readonly framing: AnswerFraming;
  readonly status: number;
  /** FLAG_ bits of the store and what the epochs say, as of the last look. */
  flags = 0;
  /** The epochs make it stale. */
  isSoftPurged = false;
  /** Version of the epochs at that look; it has to be taken again at another. */
  version = -1;
  /** The client's field lines without `Age` and `Cache-Status`, and the response policy that they were made by. */
  builtBy: object | null = null;
  built = '';
  statusText = '';
  /** A short body as text, once it has been asked for; `null` = not yet, or too long. */
  bodyText: string | null = null;
  /** The whole block of a fresh hit, and for which age. */
  hitAgeSec = -1;
  hitBlock = '';

  constructor(epochs: Epochs, object: StoredObject, meta: StoredMeta) {
    this.object = object;
    this.meta = meta;
    const [url = '', ...names] = epochNames(meta);
    this.cells = [epochs.urlCellOf(url), ...names.map((name) => epochs.cellOf(name))];
    this.framing = { kind: 'length', bytes: object.bodyLength };
    this.status = object.numbers[N_STATUS] ?? 0;
  }

  get numbers(): Float64Array {
    return this.object.numbers;
  }

  /** The answer to a HEAD. */
  get isHeadersOnly(): boolean {
    return ((this.numbers[N_BITS] ?? 0) & BIT_HEADERS_ONLY) !== 0;
  }

  get bodyLength(): number {
    return this.object.bodyLength;
  }

  /** `gone`: purged or invalidated since its request was sent. */
  judge(epochs: Epochs): 'valid' | 'stale' | 'gone' {
    return epochs.verdict(this.cells, this.object.numbers[N_EPOCH] ?? 0);
  }
}

/** `undefined`: the object was written by another version. */
export function readEntry(epochs: Epochs, object: StoredObject): StoredEntry | undefined {
  const meta = decodeMeta(object.meta);
  return meta === undefined ? undefined : new StoredEntry(epochs, object, meta);
}
