import { decodeMeta, type StoredMeta } from '../cache/stored.ts';
import type { Epochs } from '../shm/epochs.ts';
import type { StoredObject } from '../shm/stored-object.ts';
import { EntryView } from './entry-view.ts';

/** A published response as one worker has read it. Kept as long as the object is current, so that a hit need not make it again. */
export class StoredEntry extends EntryView {
  readonly object: StoredObject;
  /** The epochs make it stale. */
  isSoftPurged = false;
  /** Version of the epochs at the last look; it has to be taken again at another. */
  version = -1;
  /** A short body as text, once it has been asked for; `null` = not yet, or too long. */
  bodyText: string | null = null;
  /** The whole block of a fresh hit, made of `built` for an age. */
  hitAgeSec = -1;
  hitBase = '';
  hitBlock = '';

  constructor(epochs: Epochs, object: StoredObject, meta: StoredMeta) {
    super(epochs, object, meta);
    this.object = object;
  }
}

/** `undefined`: the object was written by another version. */
export function readEntry(epochs: Epochs, object: StoredObject): StoredEntry | undefined {
  const meta = decodeMeta(object.meta);
  return meta === undefined ? undefined : new StoredEntry(epochs, object, meta);
}
