import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync, unlinkSync, writevSync } from 'node:fs';
import { join } from 'node:path';

/** What a file takes on disk comes in these. */
const BLOCK_BYTES = 4096;
const SHARDS = 256;
const HEX = 16;
const PREFIX_TRASH = 'trash-';
const FOLDER = 'bodies';

/** Bytes on disk of a body of that length. */
export function blockBytes(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/**
 * Bodies, one file each, named by the id of the object. An id never comes twice, and a file is nobody's until the index has a
 * row for it, which comes after the file is whole; so a half-written file needs no other name to be told from a whole one.
 * Everything here is synchronous: it runs on the store thread, so a disk that hangs holds up nobody else, as it would if it
 * kept the threads of libuv's pool, which resolve names for the workers.
 */
export class BodyFiles {
  readonly #folder: string;
  readonly #known = new Set<number>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, FOLDER), { recursive: true });
  }

  /** Throws what the file system throws; nothing is left then. */
  write(id: number, pieces: readonly Uint8Array[]): void {
    this.#ensureShard(id);
    const path = this.#pathOf(id);
    const file = openSync(path, 'w', 0o600);
    try {
      writeAll(file, pieces);
    } catch (error) {
      closeSync(file);
      this.remove(id);
      throw error;
    }
    closeSync(file);
  }

  /** Lends the body piece by piece, as often as `take` says true. False when it is not there, not of that length, or was not taken to its end. */
  read(id: number, bytes: number, take: (piece: Uint8Array) => boolean): boolean {
    const file = this.#openForReading(id);
    if (file === undefined) return false;
    try {
      if (fstatSync(file).size !== bytes) return false;
      for (let done = 0; done < bytes; ) {
        const length = readSync(file, buffer, 0, buffer.length, done);
        if (length === 0 || !take(buffer.subarray(0, length))) return false;
        done += length;
      }
      return true;
    } finally {
      closeSync(file);
    }
  }

  /** Harmless when it is not there. */
  remove(id: number): void {
    try {
      unlinkSync(this.#pathOf(id));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** All at once: they are moved out of sight, and `removeTrash` gives the space back. */
  removeAll(now: number): void {
    renameSync(join(this.#folder, FOLDER), join(this.#folder, `${PREFIX_TRASH}${now}`));
    this.#known.clear();
    mkdirSync(join(this.#folder, FOLDER), { recursive: true });
  }

  /** Removes a part of what `removeAll` has left, some hundred files at a time. False when nothing is left. */
  removeTrash(): boolean {
    const trash = readdirSync(this.#folder).find((name) => name.startsWith(PREFIX_TRASH));
    if (trash === undefined) return false;
    const path = join(this.#folder, trash);
    const [shard] = readdirSync(path);
    rmSync(shard === undefined ? path : join(path, shard), { recursive: true, force: true });
    return true;
  }

  /** Ids of the files of one shard, 0..255. */
  idsOf(shard: number): readonly number[] {
    try {
      return readdirSync(this.#shardOf(shard)).map((name) => Number.parseInt(name, HEX));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  get shards(): number {
    return SHARDS;
  }

  #ensureShard(id: number): void {
    const shard = id % SHARDS;
    if (this.#known.has(shard)) return;
    mkdirSync(this.#shardOf(shard), { recursive: true });
    this.#known.add(shard);
  }

  #shardOf(shard: number): string {
    return join(this.#folder, FOLDER, shard.toString(HEX).padStart(2, '0'));
  }

  #pathOf(id: number): string {
    return join(this.#shardOf(id % SHARDS), id.toString(HEX));
  }

  #openForReading(id: number): number | undefined {
    try {
      return openSync(this.#pathOf(id), 'r');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}

/** One for the thread: a body is read in pieces of this length. */
const buffer = Buffer.alloc(256 * 1024);
/** What the kernel takes in one call. */
const MAX_VECTORS = 512;

function writeAll(file: number, pieces: readonly Uint8Array[]): void {
  for (let at = 0; at < pieces.length; at += MAX_VECTORS) {
    let rest: readonly Uint8Array[] = pieces.slice(at, at + MAX_VECTORS);
    while (rest.length > 0) rest = without(rest, writevSync(file, rest));
  }
}

/** What is left of the pieces after `bytes` of them. */
function without(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [at, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(at + 1)];
    left -= piece.length;
  }
  return [];
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
