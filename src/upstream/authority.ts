/** What stands in `Host` for an address: host[:port], without a port that is http's own. */
export function authorityText({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === 80 ? name : `${name}:${port}`;
}
