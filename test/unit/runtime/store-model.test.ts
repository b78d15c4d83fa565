import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { epochNameOfTag } from '../../../src/cache/cache-key.ts';
import { DiskRig, keyOf, temporaryFolder } from './store-kit.ts';

/** What may be done, in any order. `path` 0..5, `tag` 0..2; a body is told by its number. */
type Step =
  | { readonly kind: 'publish'; readonly path: number; readonly tag: number; readonly isLarge: boolean; readonly isTold: boolean }
  | { readonly kind: 'removeKey' | 'fetch'; readonly path: number }
  | { readonly kind: 'removeTag'; readonly tag: number }
  | { readonly kind: 'write' | 'forget' | 'restart' | 'handOver' | 'purgeAll' };

const path = fc.nat(5);
const tag = fc.nat(2);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), path, tag, isLarge: fc.boolean(), isTold: fc.constant(true) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('removeKey' as const, 'fetch' as const), path }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('removeTag' as const), tag }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('write' as const, 'forget' as const, 'write' as const, 'forget' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'handOver' as const, 'purgeAll' as const) }) },
);

/** The tier beside a map of what was published last and not removed: what comes from disk is that, or nothing. */
class Model {
  readonly #t: TestContext;
  readonly #folder: string;
  readonly #last = new Map<string, { readonly body: string; readonly tag: number }>();
  #rig: DiskRig;
  #count = 0;
  found = 0;

  constructor(t: TestContext) {
    this.#t = t;
    this.#folder = temporaryFolder(t);
    this.#rig = DiskRig.open(t, this.#folder);
  }

  async run(step: Step): Promise<void> {
    const rig = this.#rig;
    rig.pass(1000);
    switch (step.kind) {
      case 'publish': {
        const key = keyOf(`/${step.path}`);
        this.#count += 1;
        const body = `${this.#count} `.padEnd(step.isLarge ? 9000 : 10, '.');
        const object = rig.publish(key, { body, tags: [`tag${step.tag}`], arrivedMs: rig.wallNowMs }, rig.under(key));
        this.#last.set(key, { body, tag: step.tag });
        rig.enqueue(object);
        return;
      }
      case 'removeKey': {
        const key = keyOf(`/${step.path}`);
        for (const object of rig.under(key)) rig.worker.doom(object);
        rig.removeKey(key);
        this.#last.delete(key);
        return;
      }
      case 'removeTag': {
        const name = epochNameOfTag(`tag${step.tag}`);
        rig.epochs.bump(name, false);
        rig.disk.remove([{ kind: 'name', name, isSoft: false }]);
        for (const [key, { tag: own }] of this.#last) if (own === step.tag) this.#drop(key);
        return;
      }
      case 'purgeAll':
        rig.epochs.bumpAll(false);
        rig.forget();
        await rig.disk.purge({ kind: 'all', isSoft: false });
        this.#last.clear();
        return;
      case 'fetch':
        return this.#check(keyOf(`/${step.path}`));
      case 'write':
        return rig.pump();
      case 'forget':
        return rig.forget();
      case 'restart':
        return this.#restart();
      case 'handOver':
        return this.#handOver();
    }
  }

  /** A worker drops what the epochs say is gone. */
  #drop(key: string): void {
    for (const object of this.#rig.under(key)) this.#rig.worker.doom(object);
    this.#last.delete(key);
  }

  #check(key: string): void {
    this.#rig.disk.fetch(this.#rig.view, key);
    const bodies = this.#rig.under(key).map((object) => Buffer.concat(object.pieces).toString());
    for (const body of bodies) assert.equal(body, this.#last.get(key)?.body);
    this.found += bodies.length;
  }

  #restart(): void {
    this.#rig.disk.close();
    this.#begin();
  }

  #handOver(): void {
    const old = this.#rig;
    this.#begin();
    old.disk.retire();
    this.#rig.disk.tick();
    assert.equal(this.#rig.disk.mode, 'writing');
    old.disk.close();
  }

  #begin(): void {
    const { wallNowMs } = this.#rig;
    this.#rig = DiskRig.open(this.#t, this.#folder);
    this.#rig.wallNowMs = wallNowMs;
  }

  end(): void {
    this.#rig.pump();
    assert.equal(this.#rig.presence.queued(0), 0);
    this.#rig.disk.close();
  }
}

test('what comes from disk is what was published last under its key and not removed since, in whatever order things happen', async (t) => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 10, maxLength: 60 }), async (run) => {
      const model = new Model(t);
      for (const step of run) await model.run(step);
      model.end();
      found += model.found;
    }),
    { numRuns: 12 },
  );
  assert.ok(found > 0);
});
