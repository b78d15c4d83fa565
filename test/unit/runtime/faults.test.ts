import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOutsideFault } from '../../../src/runtime/faults.ts';

test('an exception that passed through our code is ours, one that did not is not, one without a stack counts as ours', () => {
  const foreign = new Error('x');
  foreign.stack =
    'Error: x\n    at Timeout._onTimeout (file:///etc/sluice/my-filter.ts:3:9)\n    at listOnTimeout (node:internal/timers:581:17)';
  assert.equal(isOutsideFault(foreign), true);
  const ours = new Error('x');
  ours.stack = `${foreign.stack}\n    at f (${new URL('../../../src/exchange/exchange.ts', import.meta.url).href}:1:1)`;
  assert.equal(isOutsideFault(ours), false);
  assert.equal(isOutsideFault('text'), false);
  const bare = new Error('x');
  bare.stack = 'Error: x';
  assert.equal(isOutsideFault(bare), false);
});
