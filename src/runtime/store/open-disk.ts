import type { Presence } from '../../shm/presence.ts';
import { BodyFiles } from './body-files.ts';
import type { DiskCounts } from './disk-figures.ts';
import type { DiskFolder } from './disk-folder.ts';
import type { DiskHash } from './disk-hash.ts';
import { DiskIndex } from './disk-index.ts';
import { DiskReader } from './disk-reader.ts';
import { DiskRemover } from './disk-remover.ts';
import { openDatabase, troubleOf } from './disk-schema.ts';
import { DiskShelf } from './disk-shelf.ts';
import { DiskSpace } from './disk-space.ts';
import type { MemoryView } from './disk-view.ts';
import type { Moment } from './disk-writer.ts';

const PROBE_FACT = 'probe';

export type OpenOptions = {
  readonly folder: DiskFolder;
  readonly limitBytes: number;
  readonly presence: Presence;
  readonly hash: DiskHash;
  readonly counts: DiskCounts;
  /** The memories in use, the newest last. */
  views(): readonly MemoryView[];
  now(): Moment;
};

/** All that depends on an open database. */
export type OpenDisk = {
  readonly shelf: DiskShelf;
  readonly space: DiskSpace;
  readonly reader: DiskReader;
  readonly remover: DiskRemover;
  readonly counts: DiskCounts;
};

/** `wiped`: why what was there was thrown away; `''` = it was not. */
export type Opened =
  | { readonly kind: 'open'; readonly disk: OpenDisk; readonly wiped: string }
  | { readonly kind: 'unusable'; readonly why: string };

type Found = { readonly kind: 'index'; readonly index: DiskIndex } | { readonly kind: 'unusable'; readonly why: string };

/** Opens what is on disk; what cannot be used is thrown away if it is ours. No body is looked at. Throws what the disk throws. */
export function openDisk(options: OpenOptions, isOurs: boolean): Opened {
  const found = openIndex(options, isOurs);
  if (found.kind === 'index') return { kind: 'open', disk: assemble(options, found.index), wiped: '' };
  if (!isOurs) return found;
  options.folder.removeDatabase();
  new BodyFiles(options.folder.path).removeAll(options.now().wallNowMs);
  const fresh = openIndex(options, true);
  return fresh.kind === 'index' ? { kind: 'open', disk: assemble(options, fresh.index), wiped: found.why } : fresh;
}

function openIndex({ folder, limitBytes, hash }: OpenOptions, isOurs: boolean): Found {
  const isNew = !folder.hasDatabase;
  if (isNew && !isOurs) return { kind: 'unusable', why: 'there is nothing yet' };
  if (!isNew && !folder.isTrusted) return { kind: 'unusable', why: 'something could not be removed from it' };
  try {
    const database = openDatabase(folder.database, limitBytes);
    if (database === 'foreign') return { kind: 'unusable', why: 'another version has written it' };
    const index = new DiskIndex(database);
    if (isNew) index.setFact(PROBE_FACT, hash.probe);
    if (isNew) folder.trust();
    if (index.fact(PROBE_FACT) === hash.probe) return { kind: 'index', index };
    index.close();
    return { kind: 'unusable', why: 'its seed is another' };
  } catch (error) {
    if (troubleOf(error) === 'corrupt') return { kind: 'unusable', why: 'it is damaged' };
    throw error;
  }
}

function assemble({ folder, limitBytes, presence, hash, counts, views, now }: OpenOptions, index: DiskIndex): OpenDisk {
  const shelf = new DiskShelf({ index, files: new BodyFiles(folder.path), presence, hash });
  const wallNowMs = (): number => now().wallNowMs;
  const space = new DiskSpace(shelf, {
    limitBytes,
    counts,
    databasePath: folder.database,
    isInMemory: ({ key }) => views().some(({ store }) => store.find(key) >= 0),
    wallNowMs,
  });
  return { shelf, space, reader: new DiskReader(shelf, counts), remover: new DiskRemover(shelf, { views, wallNowMs }), counts };
}
