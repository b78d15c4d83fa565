import type { DiskTier } from '../../exchange/disk-tier.ts';
import type { StoredObject } from '../../shm/stored-object.ts';
import { DiskLine, type DiskLink } from './disk-line.ts';

const NO = Promise.resolve(false);

/** The disk tier as long as the worker lives: there may be none, and the thread behind it may be another after a reload or a death. */
export class WorkerDiskTier implements DiskTier {
  readonly #participant: number;
  #memory = 0;
  #line: DiskLine | undefined;

  /** `participant`: the worker's slot. */
  constructor(participant: number) {
    this.#participant = participant;
  }

  /** `undefined`: there is none from now on. */
  connect(link: DiskLink | undefined): void {
    this.#line?.close();
    this.#line = link === undefined ? undefined : new DiskLine(link, this.#participant, this.#memory);
  }

  /** The object store that is meant from now on, by its number. */
  useMemory(id: number): void {
    this.#memory = id;
    this.#line?.useMemory(id);
  }

  mayHold(key: string): boolean {
    return this.#line?.mayHold(key) ?? false;
  }

  fetch(key: string): Promise<boolean> {
    return this.#line?.fetch(key) ?? NO;
  }

  wrote(object: StoredObject): void {
    this.#line?.wrote(object);
  }

  removed(key: string): void {
    this.#line?.removed(key);
  }

  invalidated(name: string, isSoft: boolean): void {
    this.#line?.invalidated(name, isSoft);
  }

  /** Before the thread ends: what was told leaves. */
  flush(): void {
    this.#line?.flush();
  }
}
