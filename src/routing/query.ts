/** What a router may ask of a request; implemented by whoever owns the request. */
export interface RouteQuery {
  /** Lower case, without port and without a final dot; `''` if the request has none. */
  readonly host: string;
  /** As `normalisePath` gave it. */
  readonly path: string;
  readonly method: string;
  /** `''`, or the query from `?` on. */
  readonly queryText: string;
  /** A field's value (several lines joined by `, `), `undefined` if there is none. Asked only where a route has a condition on it. */
  field(lowerName: string): string | undefined;
}
