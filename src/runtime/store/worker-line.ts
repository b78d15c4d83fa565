import type { Presence } from '../../shm/presence.ts';
import type { SmallRemoval } from './disk-remover.ts';
import type { DiskStore } from './disk-store.ts';
import type { MemoryView } from './disk-view.ts';
import type { FetchAnswer, WorkerBatch } from './store-messages.ts';

export type WorkerLineOptions = {
  readonly disk: DiskStore;
  readonly presence: Presence;
  /** By the number that the coordinator gave them. */
  readonly memories: ReadonlyMap<number, MemoryView>;
  /** The worker's slot. */
  readonly participant: number;
};

/** The store thread's end of the line to one worker. */
export class WorkerLine {
  readonly #options: WorkerLineOptions;

  constructor(options: WorkerLineOptions) {
    this.#options = options;
  }

  /** Removals come first: what is written after them in the same turn was published after them. */
  onBatch({ memory, keys, names, softNames, writes, fetches }: WorkerBatch): readonly FetchAnswer[] {
    const { disk, participant } = this.#options;
    const view = this.#options.memories.get(memory);
    this.#remove({ keys, names, softNames });
    for (const { key, entry, generation } of writes) disk.enqueue({ view, key, entry, generation, participant });
    return fetches.map(({ id, key }) => ({ id, hasCome: view !== undefined && disk.fetch(view, key) }));
  }

  #remove({ keys, names, softNames }: Pick<WorkerBatch, 'keys' | 'names' | 'softNames'>): void {
    const { disk, presence, participant } = this.#options;
    const removals: SmallRemoval[] = keys.map((key) => ({ kind: 'key', key, isSoft: false }));
    for (const name of names) removals.push({ kind: 'name', name, isSoft: false });
    for (const name of softNames) removals.push({ kind: 'name', name, isSoft: true });
    disk.remove(removals);
    for (const key of keys) presence.keys.unblock(disk.slotOf(key));
    for (let done = 0; done < removals.length; done++) presence.dequeue(participant);
  }
}
