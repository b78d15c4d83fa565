import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FiltersLoaded } from '../../../src/runtime/load-filters.ts';
import { PreparedPlan } from '../../../src/runtime/prepared-plan.ts';
import { planOf } from './plan-of.ts';

/** Modules that load when the test says so, by generation. */
function slowly(): { readonly plans: PreparedPlan; readonly loaded: (generation: number) => void } {
  const loading = new Map<number, (filters: FiltersLoaded) => void>();
  const plans = new PreparedPlan((_, generation) => new Promise((resolve) => loading.set(generation, resolve)));
  return { plans, loaded: (generation) => loading.get(generation)?.({ kind: 'ok', filters: new Map() }) };
}

test('a plan that was prepared is taken once', async () => {
  const { plans, loaded } = slowly();
  const prepared = plans.prepare(planOf(2));
  loaded(2);
  assert.equal(await prepared, 'prepared');
  assert.equal(plans.take(3), undefined);
  assert.equal(plans.take(2)?.plan.generation, 2);
  assert.equal(plans.take(2), undefined);
});

test('a plan that was given up while it loaded is not prepared', async () => {
  const { plans, loaded } = slowly();
  const prepared = plans.prepare(planOf(2));
  plans.discard(2);
  loaded(2);
  assert.equal(await prepared, 'superseded');
  assert.equal(plans.take(2), undefined);
});

test('one that loads slowly does not take the place of the one that was asked for after it', async () => {
  const { plans, loaded } = slowly();
  const [slow, quick] = [plans.prepare(planOf(2)), plans.prepare(planOf(3))];
  plans.discard(2);
  loaded(3);
  assert.equal(await quick, 'prepared');
  loaded(2);
  assert.equal(await slow, 'superseded');
  assert.equal(plans.take(3)?.plan.generation, 3);
});
