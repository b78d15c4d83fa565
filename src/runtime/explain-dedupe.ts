import type { CollapseConfig, DedupeKeyConfig, IdempotencyConfig, IdempotencyScope, SharingConfig } from '../config/dedupe-types.ts';
import type { RouteConfig } from '../config/types.ts';
import { IDEMPOTENT_METHODS } from '../http/methods.ts';
import { formatDuration, formatSize } from '../config/units.ts';
import type { AskedRequest } from './explain-request.ts';

/** Whether the request waits for another one's answer, or has its own kept by a key; a line each, none where the route does neither. */
export function explainDedupe({ collapse, dedupe }: RouteConfig, { facts }: AskedRequest): readonly string[] {
  return [...collapseLine(collapse), ...sharingLine(dedupe?.sharing, facts.method), ...idempotencyLines(dedupe?.idempotency, facts.method)];
}

function collapseLine(collapse: CollapseConfig | undefined): string[] {
  if (collapse === undefined) return [];
  const { maxWaitMs, uncacheableForMs } = collapse;
  const remembered = uncacheableForMs === 0 ? '' : `; for ${formatDuration(uncacheableForMs)} not, where an answer could not be shared`;
  return [`collapse: one request on the host for what is not cached, others wait up to ${formatDuration(maxWaitMs)}${remembered}`];
}

function sharingLine(sharing: SharingConfig | undefined, method: string): string[] {
  if (sharing?.methods.includes(method) !== true) return [];
  const { key, maxWaitMs, maxAnswerBytes, sharesSetCookie } = sharing;
  const otherwise = IDEMPOTENT_METHODS.has(method) ? 'goes to the upstream by itself' : '409, since it must not run twice';
  return [
    `dedupe: identical ${method} requests at the same time are one, by ${keyText(key)} and credentials; others wait up to ${formatDuration(maxWaitMs)}`,
    `dedupe: shared are answers up to ${formatSize(maxAnswerBytes)}, ${sharesSetCookie ? 'also' : 'not'} with Set-Cookie; who cannot have it: ${otherwise}`,
  ];
}

function keyText({ hasMethod, hasUrl, hasHeaders, hasBody, hasAddress, headers }: DedupeKeyConfig): string {
  const words: [isIn: boolean, word: string][] = [
    [hasMethod, 'method'],
    [hasUrl, 'url'],
    [hasHeaders, 'all fields but those of the way'],
    [hasBody, 'body'],
    [hasAddress, "the client's address"],
  ];
  return [...words.filter(([isIn]) => isIn).map(([, word]) => word), ...headers.map((name) => `header ${name}`)].join(', ');
}

function idempotencyLines(idempotency: IdempotencyConfig | undefined, method: string): string[] {
  return idempotency?.methods.includes(method) === true ? [idempotencyLine(idempotency)] : [];
}

function idempotencyLine({ header, isRequired, ttlMs, scope, onConcurrent, maxWaitMs }: IdempotencyConfig): string {
  const meanwhile = onConcurrent === 'wait' ? `waits up to ${formatDuration(maxWaitMs)}` : '409';
  const demand = isRequired ? 'demanded' : 'heeded';
  return `idempotency: ${header} ${demand}, ${scopeText(scope)}; its answer is kept for ${formatDuration(ttlMs)}; who comes meanwhile: ${meanwhile}`;
}

function scopeText(scope: IdempotencyScope): string {
  switch (scope.kind) {
    case 'consumer':
      return 'of whoever sends the same Authorization, API key and the like';
    case 'ip':
      return 'of one address';
    case 'none':
      return 'whoever sends it';
    case 'header':
      return `of whoever sends the same ${scope.name}`;
  }
}
