/** `http://` or `https://` at the beginning, or `//`. */
const SCHEME = /^(?:(https?):)?\/\//i;

/**
 * A `Location` (RFC 9110 10.2.2) that leads to the upstream's own authority, turned to the client's origin
 * (`https://api.example.com`); path, query and fragment stay. `undefined` if it is relative or leads elsewhere.
 */
export function rewriteLocation(location: string, upstreamAuthority: string, clientOrigin: string): string | undefined {
  const match = SCHEME.exec(location);
  if (match === null) return undefined;
  const start = match[0].length;
  let end = start;
  while (end < location.length && !'/?#'.includes(location[end] ?? '')) end++;
  const scheme = match[1]?.toLowerCase() ?? 'http';
  const authority = location.slice(start, end).toLowerCase();
  if (withPort(authority, scheme) !== withPort(upstreamAuthority.toLowerCase(), scheme)) return undefined;
  return clientOrigin + location.slice(end);
}

function withPort(authority: string, scheme: string): string {
  return /:\d+$/.test(authority) ? authority : `${authority}:${scheme === 'https' ? '443' : '80'}`;
}
