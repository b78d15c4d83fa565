import { BLANK, STATE } from './key-cells.ts';
import { LIMIT_CELL } from './limit-memory.ts';
import { COARSE_MS, type CompiledLimit } from './rolling-limit.ts';

/** `LOST`: the cell is another key's, or nobody's, by now; find it anew. */
export const TAKEN = Object.freeze({ REFUSED: 0, ADMITTED: 1, LOST: 2 });

const { FULL_AT } = LIMIT_CELL;
/** A cell is kept for longer than its bucket needs, so that FULL_AT is not raised at each decision: 2 units, and an eighth of what is needed. */
const SLACK = 2;
const SLACK_SHIFT = 3;

/**
 * One decision, as its cell sees it: what both kinds of limits need. An object of its own a thread, filled anew for each decision.
 *
 * FULL_AT is raised *before* STATE is charged. So whoever finds it in the past knows that nothing in STATE is worth anything,
 * whatever 32 bits of time in it seem to say: that is what makes their wrap harmless, without anybody sweeping in time. It is also
 * how somebody who knows nothing of the limit tells an idle cell. A thread that dies between the two leaves a cell that is kept
 * for longer than it need be.
 */
export class LimitCell {
  readonly cells: Int32Array;
  /** Set for each decision. Units, but where a name says otherwise. */
  limit: CompiledLimit;
  nowMs = 0;
  units = 0;
  delay = 0;
  /** Host time of the decision in units of `COARSE_MS`, and the whole ones of them. */
  at = 0;
  coarse = 0;

  constructor(cells: Int32Array, limit: CompiledLimit) {
    this.cells = cells;
    this.limit = limit;
  }

  /** Whether the cell's bucket has been full for a while. To be asked after STATE was read. */
  isStale(cell: number): boolean {
    return this.#fullFor(cell) > 0;
  }

  /**
   * The cell is kept for longer than a charge of this moment could make it: so this thread's clock is late, perhaps by so much that times
   * and windows in the cell look as if they had wrapped. To be asked after STATE was read; then `catchUp`, and look again.
   */
  isLate(cell: number): boolean {
    return this.#fullFor(cell) < -this.limit.mostKept;
  }

  /** Goes on as of the earliest moment at which FULL_AT can have been raised so far, which others have seen already. */
  catchUp(cell: number, state: number): void {
    const late = -this.#fullFor(cell) - this.limit.mostKept;
    // What was read since may be another key's, and its limit a longer one.
    if (late <= 0 || Atomics.load(this.cells, cell + STATE) !== state) return;
    this.at += late;
    this.coarse = (this.coarse + late) | 0;
    this.nowMs += late * COARSE_MS;
  }

  /** Before a charge: FULL_AT is no earlier than the end of the unit of `COARSE_MS` that holds `fullAt`. */
  keepUntil(cell: number, fullAt: number): void {
    const { cells } = this;
    const needed = (fullAt + 1) | 0;
    let found = Atomics.load(cells, cell + FULL_AT);
    if (((needed - found) | 0) <= 0) return;
    const wanted = (needed + SLACK + ((needed - this.coarse) >> SLACK_SHIFT)) | 0;
    while (((wanted - found) | 0) > 0) {
      const before = Atomics.compareExchange(cells, cell + FULL_AT, found, wanted);
      if (before === found) return;
      found = before;
    }
  }

  /** In units of `COARSE_MS`; less than 0: it may not be full yet. */
  #fullFor(cell: number): number {
    return (this.coarse - Atomics.load(this.cells, cell + FULL_AT)) | 0;
  }

  /** A cell that means nothing says so. */
  blank(cell: number, state: number): void {
    Atomics.compareExchange(this.cells, cell + STATE, state, BLANK);
  }
}
