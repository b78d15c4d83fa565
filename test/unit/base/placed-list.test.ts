import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Placed, PlacedList } from '../../../src/base/placed-list.ts';

test('a list holds what was added and not removed, and each element knows its place', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 9 })), { maxLength: 60 }), (steps) => {
      const elements = Array.from({ length: 10 }, (): Placed => ({ place: -1 }));
      const list = new PlacedList<Placed>();
      const model = new Set<Placed>();
      for (const [isAdded, i] of steps) {
        const element = elements[i];
        if (element === undefined) continue;
        if (!isAdded) list.remove(element);
        else if (!model.has(element)) list.add(element);
        if (isAdded) model.add(element);
        else model.delete(element);
      }
      assert.deepEqual(new Set(list.items), model);
      assert.equal(list.count, model.size);
      for (const element of elements) assert.equal(list.items[element.place], model.has(element) ? element : undefined);
    }),
  );
});
