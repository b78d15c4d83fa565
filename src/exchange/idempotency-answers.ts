import { type OwnAnswer, RETRY_AFTER } from './answers.ts';

/** What a client is told of its Idempotency-Key in place of an answer (draft-ietf-httpapi-idempotency-key-header, section 2.7). */

/** Told where the same request may be let in soon. */
export const KEY_MISSING: OwnAnswer = {
  status: 400,
  problem: 'idempotency-key-missing',
  title: 'Bad Request',
  detail: 'This request must have an idempotency key, so that it can be sent again without being carried out twice.',
  proxyError: '',
  extra: '',
};

export const KEY_MALFORMED: OwnAnswer = {
  ...KEY_MISSING,
  problem: 'idempotency-key-malformed',
  detail: 'The idempotency key must be one string of 1 to 255 visible characters.',
};

export const KEY_REUSED: OwnAnswer = {
  ...KEY_MISSING,
  status: 422,
  problem: 'idempotency-key-reused',
  title: 'Unprocessable Content',
  detail: 'This idempotency key was used before, with a different request.',
};

export const KEY_IN_USE: OwnAnswer = {
  ...KEY_MISSING,
  status: 409,
  problem: 'idempotency-key-in-use',
  title: 'Conflict',
  detail: 'A request with this idempotency key is being carried out.',
  extra: RETRY_AFTER,
};

export const OUTCOME_UNKNOWN: OwnAnswer = {
  ...KEY_MISSING,
  status: 409,
  problem: 'idempotency-outcome-unknown',
  title: 'Conflict',
  detail:
    'The request with this idempotency key was interrupted. It may have been carried out or not, and is not sent again; find out which, or use a new key.',
};

export const ANSWER_NOT_KEPT: OwnAnswer = {
  ...OUTCOME_UNKNOWN,
  problem: 'idempotency-answer-not-kept',
  detail: 'The request with this idempotency key was carried out, but its answer is not there any more, or was too long to be kept.',
};

export const RECORDS_UNAVAILABLE: OwnAnswer = {
  ...KEY_MISSING,
  status: 503,
  problem: 'idempotency-unavailable',
  title: 'Service Unavailable',
  detail: 'It cannot be told now whether this request was carried out before. It was not sent on.',
  extra: RETRY_AFTER,
};
