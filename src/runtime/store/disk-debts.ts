import type { Removal } from './disk-remover.ts';

/** More is not remembered one by one: then everything is to go. */
const MAX_DEBTS = 4096;

/** Removals that could not be made, or that another process may undo by what it is just writing: to be made (again) later. */
export class DiskDebts {
  #removals: Removal[] = [];

  get isEmpty(): boolean {
    return this.#removals.length === 0;
  }

  add(removals: readonly Removal[]): void {
    if (this.#removals.length + removals.length <= MAX_DEBTS) this.#removals.push(...removals);
    else this.#removals = [{ kind: 'all', isSoft: false }];
  }

  /** All of them, which are no longer owed; `add` them again if they cannot be paid. */
  take(): readonly Removal[] {
    return this.#removals.splice(0);
  }
}
