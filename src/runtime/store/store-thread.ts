import { parentPort, type MessagePort } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { LoopClock } from '../../base/clock.ts';
import { Epochs } from '../../shm/epochs.ts';
import { ObjectStore } from '../../shm/object-store.ts';
import { Presence } from '../../shm/presence.ts';
import { DiskFolder } from './disk-folder.ts';
import { DiskStore } from './disk-store.ts';
import type { MemoryView } from './disk-view.ts';
import type { FromStore, StoreStart, ToStore } from './store-messages.ts';
import { WorkerLine } from './worker-line.ts';

// The store thread: the only one of this process that touches the disk tier. All its work with the disk is synchronous, in
// steps of some milliseconds, so a worker that waits for a fetch waits for one step at most.

const TICK_MS = 100;
/** Before it looks for more to write, so that what comes at the same time goes into one transaction. */
const GATHER_MS = 20;

class StoreThread {
  readonly #start: StoreStart;
  readonly #presence: Presence;
  readonly #clock = new LoopClock();
  readonly #memories = new Map<number, MemoryView>();
  readonly #disk: DiskStore;
  #isPumping = false;

  constructor(start: StoreStart) {
    this.#start = start;
    this.#presence = new Presence(start.presence);
    this.#disk = new DiskStore({
      folder: new DiskFolder(start.path),
      limitBytes: start.limitBytes,
      presence: this.#presence,
      views: () => [...this.#memories.values()],
      now: () => {
        this.#clock.refresh();
        return { hostNowMs: this.#clock.hostMs, wallNowMs: Date.now() };
      },
      tell: (event) => tell({ kind: 'event', event }),
    });
  }

  begin(): void {
    this.#disk.open();
    this.#pumpSoon();
    setInterval(() => {
      this.#disk.tick();
      this.#pumpSoon();
    }, TICK_MS);
  }

  onMessage(message: ToStore): void {
    switch (message.kind) {
      case 'memory':
        this.#useMemory(message);
        return;
      case 'settle':
        for (const id of this.#memories.keys()) if (id !== message.id) this.#memories.delete(id);
        return;
      case 'connect':
        this.#connect(message.participant, message.port);
        return;
      case 'purge':
        void this.#purge(message);
        return;
      case 'retire':
        this.#disk.retire();
        tell({ kind: 'retired' });
        return;
      case 'close':
        this.#disk.close();
        process.exit(0);
    }
  }

  #useMemory({ id, store, epochs }: Extract<ToStore, { kind: 'memory' }>): void {
    this.#memories.set(id, { store: new ObjectStore(store, this.#start.participant), epochs: new Epochs(epochs) });
  }

  #connect(participant: number, port: MessagePort): void {
    this.#presence.resetQueue(participant);
    const line = new WorkerLine({ disk: this.#disk, presence: this.#presence, memories: this.#memories, participant });
    port.on('message', (message) => {
      const answers = line.onBatch(message);
      if (answers.length > 0) port.postMessage(answers);
      this.#pumpSoon();
    });
  }

  async #purge({ id, removals }: Extract<ToStore, { kind: 'purge' }>): Promise<void> {
    let objects = 0;
    for (const removal of removals) objects += await this.#disk.purge(removal);
    tell({ kind: 'purged', id, objects });
    this.#pumpSoon();
  }

  #pumpSoon(): void {
    if (this.#isPumping || !this.#disk.hasWork) return;
    this.#isPumping = true;
    setTimeout(() => this.#pump(), GATHER_MS);
  }

  /** Between two steps messages are heard. */
  #pump(): void {
    this.#disk.pump();
    if (this.#disk.hasWork) setImmediate(() => this.#pump());
    else this.#isPumping = false;
  }
}

assert(parentPort !== null, 'store-thread.ts runs as a thread');
const port = parentPort;

function tell(message: FromStore): void {
  port.postMessage(message);
}

port.once('message', (start: StoreStart) => {
  const thread = new StoreThread(start);
  port.on('message', (message: ToStore) => thread.onMessage(message));
  thread.begin();
});
