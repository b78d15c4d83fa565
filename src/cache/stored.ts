/** What the cache has written about a response, read again. `encodeMeta` and `decodeMeta` are inverse. */
export type StoredMeta = {
  /** `scheme://authority/path?query`, normalised as in the key. */
  readonly uri: string;
  /** Fields named by Vary, lower case and sorted, each followed by the request's normalised value; flat. `['*']` matches nothing. */
  readonly vary: readonly string[];
  /** Cache tags, as the tag fields of the response list them. */
  readonly tags: readonly string[];
  /** Cache groups (RFC 9875). */
  readonly groups: readonly string[];
  /** `ETag` as it stands in the head; `''` = none. */
  readonly entityTag: string;
  /** `Last-Modified` as it stands in the head; `''` = none. */
  readonly lastModified: string;
  /** The response head as stored, with its empty line: what `parseResponseHead` takes. */
  readonly head: string;
};

/** One stored response as the rules see it. Made by the exchange from a `StoredObject`. */
export type StoredView = {
  readonly meta: StoredMeta;
  readonly numbers: Float64Array;
  /** FLAG_ bits, those of the store together with what the epochs say. */
  readonly flags: number;
  readonly bodyLength: number;
};

export function encodeMeta(meta: StoredMeta): string {
  throw new Error(`pending: ${meta.uri}`);
}

/** @returns `undefined` where the text is not of this version */
export function decodeMeta(text: string): StoredMeta | undefined {
  throw new Error(`pending: ${text}`);
}

/** Names under which the invalidation epochs are asked: for the URL, each tag, each group. */
export function epochNames(meta: StoredMeta): readonly string[] {
  throw new Error(`pending: ${meta.uri}`);
}
