import type { QuotaBookStart } from './quota-book.ts';

/** Everything that crosses the border of the quotas thread, as plain data. */

/** What the quotas thread is started with. */
export type QuotasStart = {
  readonly storePath: string;
  readonly quotas: SharedArrayBuffer;
  /** The thread's place among those that have the table open. */
  readonly participant: number;
  readonly flushMs: number;
  readonly how: QuotaBookStart;
};

/** Coordinator to quotas thread. */
export type ToQuotas =
  | { readonly kind: 'flush-every'; readonly ms: number }
  /** Workers have ended: write what there is, and end. */
  | { readonly kind: 'close' };

/** Quotas thread to coordinator. */
export type FromQuotas =
  | { readonly kind: 'event'; readonly event: QuotasEvent }
  | { readonly kind: 'figures'; readonly figures: QuotaFigures };

export type QuotasEvent =
  /** All that was on disk is in the table. */
  | { readonly kind: 'opened'; readonly keys: number; readonly tookMs: number }
  /** It is tried again. */
  | { readonly kind: 'failed'; readonly problem: string }
  | { readonly kind: 'writable' };

/** Since the thread began. */
export type QuotaFigures = { readonly written: number; readonly failures: number };
