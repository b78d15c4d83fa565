/** How requests for the same share one: collapsed forwarding, identical requests, idempotency keys. */

/** Collapsed forwarding on a route that caches: one request on the whole host goes to the origin for a key, the others are fed by it. */
export type CollapseConfig = {
  /** How long a request waits for another one's answer to begin; after it, it goes to the origin by itself. Default 10 s. */
  readonly maxWaitMs: number;
  /** Requests of one key that wait on one worker. Over it: to the origin. Default 10 000. */
  readonly maxFollowers: number;
  /** How long a key whose answer could not be shared is remembered as such: its requests do not queue. Default 60 s. */
  readonly uncacheableForMs: number;
};

/** What has to be equal for two requests to be one, beside what always has to be: who asks, and which form of the answer is asked for. */
export type DedupeKeyConfig = {
  readonly hasMethod: boolean;
  readonly hasUrl: boolean;
  readonly hasBody: boolean;
  /** All fields that the upstream gets, but for those that differ by the way and the moment of a request. */
  readonly hasHeaders: boolean;
  /** The client's address. */
  readonly hasAddress: boolean;
  /** Lower-case names of request fields. */
  readonly headers: readonly string[];
};

/** Identical requests at the same time share one upstream request, whether the answer may be cached or not. */
export type SharingConfig = {
  /** Upper-case. Default GET and HEAD; none beside idempotency keys. Never empty. */
  readonly methods: readonly string[];
  readonly key: DedupeKeyConfig;
  /** Whether an answer with Set-Cookie is for all who asked the same. Default false: it is for one client. */
  readonly sharesSetCookie: boolean;
  /** Of a request. A longer one is not shared. Default 64 KiB. */
  readonly maxBodyBytes: number;
  /** Of an answer. A longer one is not shared. Default 1 MiB. */
  readonly maxAnswerBytes: number;
  /** What waits longer, or is one too many on its worker, goes to the origin by itself, or is refused where it must not run twice. */
  readonly maxWaitMs: number;
  readonly maxFollowers: number;
};

/** Whose the keys are: the same key of two consumers is two keys. */
export type IdempotencyScope =
  | { readonly kind: 'consumer' }
  | { readonly kind: 'ip' }
  | { readonly kind: 'none' }
  | { readonly kind: 'header' /** Lower-case. */; readonly name: string };

/** Idempotency-Key of the IETF's HTTPAPI working group: a request runs once, whoever sends it again gets the answer of that one run. */
export type IdempotencyConfig = {
  /** Lower-case name of the field with the key. */
  readonly header: string;
  /** How long an answer is kept and replayed. */
  readonly ttlMs: number;
  /** Whether a request without a key is refused (400). */
  readonly isRequired: boolean;
  /** What another request with the key of one that still runs gets. */
  readonly onConcurrent: 'wait' | 'conflict';
  readonly scope: IdempotencyScope;
  /** Upper-case; other methods are not looked at. Never empty. Default POST and PATCH. */
  readonly methods: readonly string[];
  /** Of a request; over it: 413. */
  readonly maxBodyBytes: number;
  /** Of an answer; a longer one passes, and its outcome cannot be replayed. */
  readonly maxAnswerBytes: number;
  /** How long one waits for the one that runs, before it is told (409). */
  readonly maxWaitMs: number;
};

export type DedupeConfig = {
  /** `undefined`: nothing is shared. */
  readonly sharing: SharingConfig | undefined;
  /** `undefined`: no idempotency keys. Needs `GatewayConfig.store`. */
  readonly idempotency: IdempotencyConfig | undefined;
};
