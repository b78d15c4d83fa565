/** RFC 9110 section 15.1: cacheable unless told otherwise, so that a lifetime may be guessed. 206 and ranges are handled apart. */
const HEURISTIC = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);

/** Final statuses whose meaning for a cache is defined in RFC 9110: what `must-understand` asks for (RFC 9111 5.2.2.3). */
const UNDERSTOOD = new Set([
  200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413,
  414, 415, 416, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505,
]);

/** Answers to a condition, a range or a hop: they say nothing about the resource that another request could use. */
const NEVER_STORED = new Set([304, 407, 412, 416, 417, 426]);

export function isHeuristicallyCacheable(status: number): boolean {
  return HEURISTIC.has(status);
}

export function isUnderstood(status: number): boolean {
  return UNDERSTOOD.has(status);
}

export function mayBeStored(status: number): boolean {
  return status >= 200 && status <= 599 && !NEVER_STORED.has(status);
}

/** RFC 5861 section 4. */
export function isServerError(status: number): boolean {
  return status === 500 || status === 502 || status === 503 || status === 504;
}
