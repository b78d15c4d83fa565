/** The minor versions that one digit can tell (RFC 9112 2.3). */
export const MINORS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/** Reason phrases of RFC 9110 section 15 and the later registrations that Sluice itself answers with. */
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  508: 'Loop Detected',
};

/** `404 Not Found`: what stands in a status line after the version. An unknown code has an empty phrase, as RFC 9112 section 4 allows. */
export function statusText(status: number): string {
  return `${status} ${REASONS[status] ?? ''}`;
}
