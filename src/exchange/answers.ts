import { statusText } from '../http/status.ts';

/** An answer that Sluice makes itself, before it is given the form that the client wants. */
export type OwnAnswer = {
  readonly status: number;
  /** Last part of the problem's `type`; stable, lower case with dashes. */
  readonly problem: string;
  readonly title: string;
  readonly detail: string;
  /** `error=` word of Proxy-Status (RFC 9209), or `''`. */
  readonly proxyError: string;
  /** Further field lines, each ending in CRLF. */
  readonly extra: string;
  /** The problem's `type`, where it is somebody else's; an absolute URI. */
  readonly type?: string;
  /** Members of the problem beside those of RFC 9457. */
  readonly members?: Readonly<Record<string, unknown>>;
};

/** For what is over soon: long enough for a pool to free up, or another request to end, short enough not to be felt. */
export const RETRY_AFTER = 'Retry-After: 1\r\n';

export type RenderedAnswer = { readonly status: string; readonly block: string; readonly body: Buffer };

type Form = 'json' | 'html' | 'text';

/** Problem type URIs are names, not addresses: nothing has to be served there (RFC 9457 section 3.1.1). */
const PROBLEM_PREFIX = 'urn:sluice:problem:';

/**
 * Renders an answer of Sluice's own: RFC 9457 problem details, or HTML or plain text where `Accept` prefers them. Tells the
 * request id and nothing of the inside.
 */
export function renderAnswer(
  answer: OwnAnswer,
  request: { readonly accept: string | undefined; readonly requestId: string; readonly serverName: string; readonly details?: string },
): RenderedAnswer {
  const form = preferredForm(request.accept);
  const body = Buffer.from(renderBody(answer, form, request.requestId), 'utf8');
  const details = request.details === undefined ? '' : `; details="${request.details}"`;
  const proxyStatus = answer.proxyError === '' ? '' : `Proxy-Status: ${request.serverName}; error=${answer.proxyError}${details}\r\n`;
  return {
    status: statusText(answer.status),
    block: `Content-Type: ${CONTENT_TYPES[form]}\r\nCache-Control: no-store\r\nX-Request-Id: ${request.requestId}\r\n${proxyStatus}${answer.extra}`,
    body,
  };
}

const CONTENT_TYPES: Readonly<Record<Form, string>> = {
  json: 'application/problem+json',
  html: 'text/html; charset=utf-8',
  text: 'text/plain; charset=utf-8',
};

/**
 * The first of the three forms that `Accept` names; quality values are not weighed, since a browser lists HTML first and a
 * programme names what it wants. No `Accept`, or anything else: JSON.
 */
function preferredForm(accept: string | undefined): Form {
  if (accept === undefined) return 'json';
  const folded = accept.toLowerCase();
  const places = [
    { form: 'json' as const, at: firstPlace(folded, ['application/problem+json', 'application/json']) },
    { form: 'html' as const, at: firstPlace(folded, ['text/html']) },
    { form: 'text' as const, at: firstPlace(folded, ['text/plain']) },
  ].filter((place) => place.at >= 0);
  places.sort((a, b) => a.at - b.at);
  return places[0]?.form ?? 'json';
}

function firstPlace(text: string, names: readonly string[]): number {
  const places = names.map((name) => text.indexOf(name)).filter((at) => at >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}

function renderBody(answer: OwnAnswer, form: Form, requestId: string): string {
  if (form === 'json') {
    const { status, title, detail, problem, type = PROBLEM_PREFIX + problem, members = {} } = answer;
    return `${JSON.stringify({ type, title, status, detail, ...members, requestId })}\n`;
  }
  if (form === 'text') return `${answer.status} ${answer.title}\n${answer.detail}\nrequest ${requestId}\n`;
  const title = escapeHtml(`${answer.status} ${answer.title}`);
  const style = 'body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:36rem;padding:0 1rem}code{color:#666}';
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><style>${style}</style>` +
    `<h1>${title}</h1><p>${escapeHtml(answer.detail)}</p><p><code>request ${escapeHtml(requestId)}</code></p></html>\n`
  );
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
