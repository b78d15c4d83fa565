import { type OwnAnswer, RETRY_AFTER } from './answers.ts';

/** What a request is told that must not run twice, where an identical one was under way and its answer is not for this one. */

export const DUPLICATE_IN_PROGRESS: OwnAnswer = {
  status: 409,
  problem: 'duplicate-in-progress',
  title: 'Conflict',
  detail: 'An identical request is being carried out. This one was not sent on.',
  proxyError: '',
  extra: RETRY_AFTER,
};

export const DUPLICATE_NOT_ANSWERED: OwnAnswer = {
  ...DUPLICATE_IN_PROGRESS,
  problem: 'duplicate-not-answered',
  detail:
    'An identical request came just before. It may have been carried out, but its answer was lost or is not for this one, which was not sent on; find out before you send it again.',
  extra: '',
};

export const SHARING_UNAVAILABLE: OwnAnswer = {
  ...DUPLICATE_IN_PROGRESS,
  status: 503,
  problem: 'duplicate-check-unavailable',
  title: 'Service Unavailable',
  detail: 'It cannot be told now whether an identical request is being carried out. This one was not sent on.',
};
