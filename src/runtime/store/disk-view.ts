import type { Numbers } from '../../base/numbers.ts';
import { decodeMeta, type StoredMeta } from '../../cache/stored.ts';
import { BIT_HEADERS_ONLY, BIT_PARTIAL, N_BITS, N_EPOCH, N_FIRST_BYTE, N_RESPONSE_EPOCH } from '../../cache/numbers.ts';
import type { Epochs, EpochVerdict } from '../../shm/epochs.ts';
import type { ObjectStore } from '../../shm/object-store.ts';
import type { StoredObject } from '../../shm/stored-object.ts';

/** The memory that the disk stands behind. */
export type MemoryView = { readonly store: ObjectStore; readonly epochs: Epochs };

/** Place of a whole response, and of one to HEAD, among the parts. */
const WHOLE = -1;
const HEADERS_ONLY = -2;
const SEPARATOR = '\0';

/** What tells objects of one key apart: URL and selecting fields (a key may stand for several queries), and what part of the representation they hold. */
export type Variant = { readonly selecting: string; readonly part: number };

export function variantOf(meta: StoredMeta, numbers: Numbers): Variant {
  return { selecting: [meta.uri, ...meta.vary].join(SEPARATOR), part: partOf(numbers) };
}

function partOf(numbers: Numbers): number {
  const bits = numbers[N_BITS] ?? 0;
  if ((bits & BIT_PARTIAL) !== 0) return numbers[N_FIRST_BYTE] ?? 0;
  return (bits & BIT_HEADERS_ONLY) === 0 ? WHOLE : HEADERS_ONLY;
}

/** A new object of `part` takes the place of an old one of `other`: a whole has all that parts have. */
export function replacesPart(part: number, other: number): boolean {
  return part === other || (part === WHOLE && other >= 0);
}

/** What has befallen the object by its names since its request was sent. */
export function judge(epochs: Epochs, names: readonly string[], numbers: Numbers): EpochVerdict {
  const [url = '', ...others] = names;
  return epochs.verdict([epochs.urlCellOf(url), ...others.map((name) => epochs.cellOf(name))], numbers[N_EPOCH] ?? 0);
}

export function objectsUnder(store: ObjectStore, key: string): readonly StoredObject[] {
  const found: StoredObject[] = [];
  for (let entry = store.find(key); entry >= 0; entry = store.next(entry, key)) {
    const object = store.open(entry);
    if (object !== undefined) found.push(object);
  }
  return found;
}

/** An object of the same variant that came at the same time or later. */
export function findAsNew(store: ObjectStore, key: string, variant: Variant, arrivedMs: number): StoredObject | undefined {
  return objectsUnder(store, key).find(({ meta, numbers }) => {
    if (arrivedAt(numbers) < arrivedMs) return false;
    const decoded = decodeMeta(meta);
    if (decoded === undefined) return false;
    const other = variantOf(decoded, numbers);
    return other.selecting === variant.selecting && replacesPart(other.part, variant.part);
  });
}

export function arrivedAt(numbers: Numbers): number {
  return numbers[N_RESPONSE_EPOCH] ?? 0;
}
