import { createPresence, Presence } from '../../../src/shm/presence.ts';
import type { Participant, StepCase, StepCases } from '../../harness/steps-case.ts';

/**
 * Writes and fetches of the store thread against removals of workers, over one key: the store thread's own work is played in a
 * few cells, in the order of `DiskWriter`, `DiskReader` and `DiskRemover`; presence is the real one.
 */

const SLOT = 3;
/** Cells of the played world. `live`: the object is in memory; `copy`: a fetch has brought it there; `row`: it is on disk; `inbox`: removals that were sent. */
const [LIVE, COPY, ROW, INBOX] = [0, 1, 2, 3];
const SEED = Buffer.alloc(16, 5);

type World = { readonly cells: Int32Array; readonly presence: Presence };
type Work = (world: World) => unknown;

function participant(work: Work, after: readonly number[] = []): Participant {
  return {
    after,
    prepare: ([cells, presence]) => {
      const world = { cells: new Int32Array(cells!), presence: new Presence(presence!) };
      return () => work(world);
    },
  };
}

/** `row`: it is on disk at the beginning, else in memory. */
function presenceCase(row: boolean, participants: readonly Participant[], isHalf = false): StepCase {
  return {
    create: () => {
      const presence = createPresence({ keySlots: 8, nameSlots: 8, participants: 2, seed: SEED });
      const cells = new Int32Array(new SharedArrayBuffer(64));
      if (row) presence.keys.hold(SLOT);
      cells[row ? ROW : LIVE] = 1;
      return [cells.buffer, presence.memory];
    },
    participants,
    check: ([cells, presence]) => faultsOf({ cells: new Int32Array(cells!), presence: new Presence(presence!) }, isHalf),
  };
}

/** After everybody has done everything, the key was removed: nothing of it is anywhere. `isHalf`: a removal died. */
function faultsOf({ cells, presence: { keys } }: World, isHalf: boolean): readonly string[] {
  const faults: string[] = [];
  if (keys.isHeld(SLOT) !== (cells[ROW] === 1)) faults.push('what is held is counted wrongly');
  // A removal that did not come to its end may not have begun, and its slot may stay closed.
  if (isHalf) return faults;
  if (cells[ROW] !== 0) faults.push('a row is left on disk');
  if (cells[COPY] !== 0) faults.push('a copy is left in memory');
  if (!keys.isOpen(SLOT)) faults.push('the slot is left closed');
  return faults;
}

/** Copies the object to disk if it is still in memory. */
const writing: Work = ({ cells, presence: { keys } }) => {
  keys.hold(SLOT);
  if (Atomics.load(cells, LIVE) === 1) Atomics.store(cells, ROW, 1);
  else keys.unhold(SLOT);
};

/** Brings it from disk unless it is being removed. */
const fetching: Work = ({ cells, presence: { keys } }) => {
  if (!keys.isOpen(SLOT) || Atomics.load(cells, ROW) === 0) return;
  if (!keys.isOpen(SLOT)) return;
  Atomics.store(cells, COPY, 1);
  if (!keys.isOpen(SLOT)) Atomics.store(cells, COPY, 0);
};

/** What the store thread does with the removals that were sent, and with voided slots. */
const removing: Work = ({ cells, presence }) => {
  const { keys } = presence;
  for (let sent = Atomics.load(cells, INBOX); sent > 0; sent -= 1) {
    removeRow(cells, presence);
    Atomics.sub(cells, INBOX, 1);
    keys.unblock(SLOT);
  }
  if (!presence.takeVoided()) return;
  for (const slot of keys.voided()) {
    removeRow(cells, presence);
    keys.clearVoid(slot);
  }
};

function removeRow(cells: Int32Array, { keys }: Presence): void {
  if (Atomics.exchange(cells, ROW, 0) === 1) keys.unhold(SLOT);
  Atomics.store(cells, COPY, 0);
}

/** A worker forgets the object, then has the disk forget it. */
const forgetting: Work = ({ cells, presence: { keys } }) => {
  Atomics.store(cells, LIVE, 0);
  Atomics.store(cells, COPY, 0);
  if (keys.isHeld(SLOT) && keys.block(SLOT)) Atomics.add(cells, INBOX, 1);
};

/** One that cannot send. */
const voiding: Work = ({ cells, presence }) => {
  Atomics.store(cells, LIVE, 0);
  Atomics.store(cells, COPY, 0);
  if (!presence.keys.isHeld(SLOT)) return;
  presence.keys.voidSlot(SLOT);
  presence.tellVoided();
};

const inTurn =
  (...works: readonly Work[]): Work =>
  (world) => {
    for (const work of works) work(world);
  };

export const STEP_CASES: StepCases = {
  'a write, a removal': presenceCase(false, [participant(writing), participant(forgetting), participant(removing, [0, 1])]),
  'a write and its removals, a removal': presenceCase(false, [
    participant(inTurn(writing, removing)),
    participant(forgetting),
    participant(removing, [0, 1]),
  ]),
  'a write, a removal that cannot be sent': presenceCase(false, [
    participant(inTurn(writing, removing)),
    participant(voiding),
    participant(removing, [0, 1]),
  ]),
  'a fetch, a removal': presenceCase(true, [
    participant(inTurn(fetching, removing)),
    participant(forgetting),
    participant(removing, [0, 1]),
  ]),
  'a fetch, a removal that cannot be sent': presenceCase(true, [
    participant(inTurn(fetching, removing)),
    participant(voiding),
    participant(removing, [0, 1]),
  ]),
  'a fetch, two removals': presenceCase(true, [
    participant(inTurn(fetching, removing)),
    participant(forgetting),
    participant(voiding),
    participant(removing, [0, 1, 2]),
  ]),
  'a removal dies': presenceCase(true, [participant(forgetting), participant(removing), participant(removing, [0, 1])], true),
};
