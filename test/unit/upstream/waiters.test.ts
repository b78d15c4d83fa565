import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { UpstreamSink } from '../../../src/upstream/sink.ts';
import { Waiter, WaitList } from '../../../src/upstream/waiters.ts';

const sink = (): UpstreamSink => ({
  onUpstreamConnection() {},
  onUpstreamInformational() {},
  onUpstreamHead() {},
  onUpstreamBody: () => 'released',
  onUpstreamPause() {},
  onUpstreamEnd() {},
  onUpstreamFail() {},
  onUpstreamDrain() {},
});

function listed(list: WaitList): Waiter[] {
  const all: Waiter[] = [];
  for (let waiter = list.oldest; waiter !== null; waiter = waiter.newer) all.push(waiter);
  return all;
}

describe('the list of waiting requests', () => {
  it('does what a plain array does, whoever leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant('add' as const), fc.nat(20)), { maxLength: 60 }), (steps) => {
        const list = new WaitList();
        const model: Waiter[] = [];
        for (const step of steps) {
          if (step === 'add') {
            const waiter = new Waiter(sink(), false, false);
            list.add(waiter);
            model.push(waiter);
          } else {
            const [waiter] = model.splice(step, 1);
            if (waiter !== undefined) list.remove(waiter);
            if (waiter !== undefined) list.remove(waiter);
          }
          assert.deepEqual(listed(list), model);
          assert.equal(list.count, model.length);
          for (const waiter of model) assert.equal(list.find(waiter.sink), waiter);
        }
      }),
    );
  });
});
