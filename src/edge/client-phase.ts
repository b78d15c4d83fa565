/**
 * Where a client connection of the `node` engine stands, and so what is done with bytes that come.
 * - `idle`: between requests, or part of a head is there. They begin a request.
 * - `blocked`: between requests, but the client has not taken its last answer. They are kept for later.
 * - `uploading`: the exchange runs, and takes the body that is not whole. They are handed on.
 * - `paused`: the same, but the exchange does not take more for now. They are kept for later.
 * - `answering`: the request is whole, its answer is not. They are kept for later.
 * - `discarding`: answered; they are the short rest of the request body, and thrown away.
 * - `closing`: the last answer is written. They are thrown away, and so they are when it is `closed`.
 */
export type ClientPhase = 'idle' | 'blocked' | 'uploading' | 'paused' | 'answering' | 'discarding' | 'closing' | 'closed';
