/** What the admin listener asks of limits. `about`: the parameters of the query, unchecked. */
export type LimitQuestion =
  | { readonly kind: 'overview' | 'look' | 'reset' | 'consumer' | 'reset-consumer'; readonly about: URLSearchParams }
  /** `body`: what came as JSON, unchecked. */
  | { readonly kind: 'move'; readonly about: URLSearchParams; readonly body: unknown };

export type LimitAnswer =
  | { readonly kind: 'ok'; readonly value: object }
  /** The question is not one. */
  | { readonly kind: 'bad'; readonly problems: readonly string[] }
  /** There is no such thing. */
  | { readonly kind: 'none'; readonly problems: readonly string[] }
  /** It could not be done just now. */
  | { readonly kind: 'failed'; readonly problems: readonly string[] };
