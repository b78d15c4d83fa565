import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPresence, Presence } from '../../../src/shm/presence.ts';
import { HASH_BITS, PresenceCells } from '../../../src/shm/presence-cells.ts';

const SLOTS = 8;

function cells(): PresenceCells {
  return new PresenceCells(new Uint16Array(new SharedArrayBuffer(SLOTS * 2)));
}

test('slots cover all hashes, in order', () => {
  const table = cells();
  assert.equal(table.slotOf(0), 0);
  assert.equal(table.slotOf(2 ** HASH_BITS - 1), SLOTS - 1);
  for (let slot = 0; slot < SLOTS; slot++) {
    assert.equal(table.slotOf(table.firstHashOf(slot)), slot);
    assert.equal(table.slotOf(table.firstHashOf(slot + 1) - 1), slot);
  }
});

type Step = 'hold' | 'unhold' | 'block' | 'unblock' | 'void' | 'clear';
const STEPS: readonly Step[] = ['hold', 'unhold', 'block', 'unblock', 'void', 'clear'];

test('a cell is readable exactly when something is held and nothing is being removed, whatever is done in whatever order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.integer({ min: 0, max: 90 })), { maxLength: 200 }), (steps) => {
      const table = cells();
      const model = { held: 0, blocks: 0, isVoid: false };
      for (const [step, times] of steps) for (let time = 0; time < times; time++) apply(table, model, step);
      assert.equal(table.isHeld(3), model.held > 0);
      assert.equal(table.isOpen(3), model.blocks === 0 && !model.isVoid);
      assert.equal(table.isReadable(3), model.held > 0 && model.blocks === 0 && !model.isVoid);
      assert.deepEqual(table.voided(), model.isVoid ? [3] : []);
      assert.equal(table.isHeld(2) || table.isReadable(4), false);
      table.forgetHeld();
      assert.equal(table.isHeld(3), false);
      assert.equal(table.isOpen(3), model.blocks === 0 && !model.isVoid);
    }),
  );
});

/** The reference: 255 held are many and stay so, 63 blocks are all there can be. */
function apply(table: PresenceCells, model: { held: number; blocks: number; isVoid: boolean }, step: Step): void {
  switch (step) {
    case 'hold':
      table.hold(3);
      model.held = Math.min(255, model.held + 1);
      return;
    case 'unhold':
      table.unhold(3);
      if (model.held > 0 && model.held < 255) model.held -= 1;
      return;
    case 'block':
      assert.equal(table.block(3), model.blocks < 63);
      model.blocks = Math.min(63, model.blocks + 1);
      return;
    case 'unblock':
      if (model.blocks === 0) return;
      table.unblock(3);
      model.blocks -= 1;
      return;
    case 'void':
      table.voidSlot(3);
      model.isVoid = true;
      return;
    case 'clear':
      table.clearVoid(3);
      model.isVoid = false;
  }
}

test('a queue takes no more than it may, and a new owner of its index begins with an empty one', () => {
  const { memory } = createPresence({ keySlots: 8, nameSlots: 8, participants: 3, seed: Buffer.alloc(16, 1) });
  const sender = new Presence(memory);
  const holder = new Presence(memory);
  assert.equal(sender.enqueue(1, 2), true);
  assert.equal(sender.enqueue(1, 2), true);
  assert.equal(sender.enqueue(1, 2), false);
  assert.equal(sender.enqueue(2, 2), true);
  holder.dequeue(1);
  assert.equal(holder.queued(1), 1);
  assert.equal(sender.enqueue(1, 2), true);
  holder.resetQueue(1);
  assert.equal(sender.queued(1), 0);
  assert.throws(() => sender.enqueue(3, 2), /one of 3/);
});

test('state, seed, figures and what was dropped are the same for all who open the memory', () => {
  const made = createPresence({ keySlots: 8, nameSlots: 16, participants: 1, seed: Buffer.alloc(16, 9) });
  const other = new Presence(made.memory);
  assert.equal(other.state, 'loading');
  made.state = 'shared';
  assert.equal(other.state, 'shared');
  assert.deepEqual(Buffer.from(other.seed), Buffer.alloc(16, 9));
  made.figures[2] = 5;
  assert.equal(other.figures[2], 5);
  other.countDropped();
  assert.equal(made.dropped, 1);
  assert.equal(made.takeVoided(), false);
  other.tellVoided();
  assert.equal(made.takeVoided(), true);
  assert.equal(made.takeVoided(), false);
  assert.equal(other.keys.slots, 8);
  assert.equal(other.names.slots, 16);
});
