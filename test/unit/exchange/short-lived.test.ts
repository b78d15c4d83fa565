import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShortLived } from '../../../src/exchange/short-lived.ts';
import type { ObjectStore } from '../../../src/shm/object-store.ts';
import type { StoredObject } from '../../../src/shm/stored-object.ts';

test('what is short-lived goes in its order two seconds later, with the next one', () => {
  const doomed: unknown[] = [];
  // All that it calls.
  const store = { doom: (object: unknown) => doomed.push(object) } as unknown as ObjectStore;
  const shortLived = new ShortLived(store);
  const objects = Array.from({ length: 100 }, (_, i) => ({ entry: i }) as unknown as StoredObject);
  for (const [i, object] of objects.entries()) shortLived.add(object, i * 100);
  assert.deepEqual(doomed, objects.slice(0, 80));
  shortLived.add({} as unknown as StoredObject, 1e6);
  assert.deepEqual(doomed, objects);
});
