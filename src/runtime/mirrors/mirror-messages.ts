import type { Differences } from '../../exchange/mirror/difference-book.ts';
import type { MirrorVerdict } from '../../exchange/mirror/verdict.ts';

/** Worker to coordinator: what its mirrors have compared since the last time, by route. */
export type FromMirrors = Readonly<Record<string, Differences>>;

/** Coordinator to worker: what is known of each shadow, by its upstream's name. */
export type ToMirrors = Readonly<Record<string, MirrorVerdict>>;
