import { assert } from '../base/assert.ts';
import type { Storable } from '../cache/admit.ts';
import type { CombinedPiece } from '../cache/combine.ts';
import { BIT_STRONG_VALIDATOR, N_BITS, N_EPOCH, N_STATUS } from '../cache/numbers.ts';
import { decodeMeta, type StoredView } from '../cache/stored.ts';
import type { Fill } from '../shm/fill.ts';
import type { StoredObject } from '../shm/stored-object.ts';
import type { CachePlan } from './cache-plan.ts';
import { runFrom } from './stored-body.ts';
import type { StoredEntry } from './stored-entry.ts';

/** What is to be stored, and how. */
export type FillPlan = {
  readonly admission: Storable;
  /** The epochs when the request was sent. */
  readonly sequence: number;
  readonly replaces: readonly StoredEntry[];
  /** Of a combination: where its bytes come from, in order. */
  readonly pieces: readonly CombinedPiece[] | null;
  /** Where the stored ones come from; the caller has pinned it. */
  readonly base: StoredEntry | null;
};

/**
 * An answer on its way into the store while it streams by. Where a part completes what was stored, the stored bytes are copied in
 * between, in their place.
 */
export class CacheFill {
  private readonly cache: CachePlan;
  private readonly fill: Fill;
  private readonly plan: FillPlan;
  /** Place in `plan.pieces`. */
  private next = 0;
  /** Bytes of the answer seen. */
  private seen = 0;
  private isOver = false;

  private constructor(cache: CachePlan, fill: Fill, plan: FillPlan) {
    this.cache = cache;
    this.fill = fill;
    this.plan = plan;
  }

  /** `null`: no room for it, counted by the store. */
  static begin(cache: CachePlan, plan: FillPlan): CacheFill | null {
    const { key, meta, numbers, bodyBytes } = plan.admission;
    numbers[N_EPOCH] = plan.sequence;
    const fill = cache.caching.store.begin({ key, meta, numbers, expectedBytes: bodyBytes });
    if (fill === undefined) return null;
    const begun = new CacheFill(cache, fill, plan);
    return begun.copyStored() ? begun : null;
  }

  /** What is being stored, as the rules see it. */
  get view(): StoredView {
    const { meta, numbers, bodyBytes } = this.plan.admission;
    const read = decodeMeta(meta);
    assert(read !== undefined, 'what has been encoded can be decoded');
    return { meta: read, numbers, flags: 0, bodyLength: bodyBytes };
  }

  /** With `generation`: what others open it by while it fills. */
  get entry(): number {
    return this.fill.entry;
  }

  get generation(): number {
    return this.fill.generation;
  }

  get key(): string {
    return this.plan.admission.key;
  }

  get bytesStored(): number {
    return this.fill.bytesStored;
  }

  get isRead(): boolean {
    return this.fill.isRead;
  }

  /** Of one that is, it is known that there is room for it. */
  get isLengthKnown(): boolean {
    return this.plan.admission.bodyBytes >= 0;
  }

  /** A whole answer, whose rest can be told to belong to it should it come on another connection. */
  get isResumable(): boolean {
    const { numbers } = this.plan.admission;
    const isStrong = ((numbers[N_BITS] ?? 0) & BIT_STRONG_VALIDATOR) !== 0;
    return isStrong && numbers[N_STATUS] === 200 && this.plan.pieces === null && !this.isOver;
  }

  /** False: it will not be stored. */
  write(bytes: Buffer): boolean {
    if (this.isOver) return false;
    const isGood = this.plan.pieces === null ? this.fill.write(bytes) : this.writePlanned(bytes);
    this.seen += bytes.length;
    if (isGood && this.fill.bytesStored <= this.cache.policy.config.maxObjectBytes) return true;
    this.abort();
    return false;
  }

  publish(): StoredObject | undefined {
    if (this.isOver) return undefined;
    this.isOver = true;
    return this.fill.publish(this.plan.replaces.map((entry) => entry.object));
  }

  abort(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.fill.abort();
  }

  /** The pieces of the plan that this run of the answer touches, and the stored ones behind them. */
  private writePlanned(bytes: Buffer): boolean {
    const end = this.seen + bytes.length;
    const { pieces } = this.plan;
    for (let piece = pieces?.[this.next]; piece !== undefined && piece.from === 'new'; piece = pieces?.[this.next]) {
      const from = Math.max(piece.start, this.seen);
      const to = Math.min(piece.end, end);
      if (from < to && !this.fill.write(bytes.subarray(from - this.seen, to - this.seen))) return false;
      if (piece.end > end) return true;
      this.next++;
      if (!this.copyStored()) return false;
    }
    return true;
  }

  private copyStored(): boolean {
    const { base, pieces } = this.plan;
    if (base === null || pieces === null) return true;
    for (let piece = pieces[this.next]; piece !== undefined && piece.from === 'stored'; piece = pieces[++this.next]) {
      for (let at = piece.start; at < piece.end; ) {
        const run = runFrom(base.object.pieces, at, piece.end);
        if (!this.fill.write(run)) {
          this.abort();
          return false;
        }
        at += run.length;
      }
    }
    return true;
  }
}
