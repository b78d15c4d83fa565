import { bad, good, type Parsed } from './problem.ts';
import type { EndpointConfig, ListenAddress } from './types.ts';

const IPV4_PART = /^(0|[1-9]\d{0,2})$/;
const HOST_NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

/** Dotted decimal with four parts and no leading zeros: the forms that no two parsers read differently. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => IPV4_PART.test(part) && Number(part) <= 255);
}

/** Without brackets and zone. The URL parser of the platform is the judge. */
export function isIpv6(text: string): boolean {
  return /^[0-9a-f:.]{2,45}$/i.test(text) && text.includes(':') && URL.canParse(`http://[${text}]/`);
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIpv4(host) && host.startsWith('127.'));
}

function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && !/^[\d.]+$/.test(text);
}

/** `:8080` (every IPv4 address), `127.0.0.1:8080`, `localhost:8080`, `[::1]:80`. Port 0 takes a free one. */
export function parseListen(text: string): Parsed<ListenAddress> {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3] ?? -1);
  if (parts === null || port > 65535) return bad('must be an address to listen on', 'write ":8080", "127.0.0.1:8080" or "[::1]:8080"');
  const ipv6 = parts[1];
  if (ipv6 !== undefined) return isIpv6(ipv6) ? good({ host: ipv6.toLowerCase(), port }) : bad('is not an IPv6 address in brackets');
  const host = parts[2] ?? '';
  if (host === '' || host === '*') return good({ host: '0.0.0.0', port });
  if (isIpv4(host) || isHostName(host)) return good({ host: host.toLowerCase(), port });
  return bad('has no valid host before the port', 'write an IPv4 address, an IPv6 address in brackets, or a name');
}

/** `http://host[:port]` without path, query or user. IPv6 hosts come out without brackets, as sockets want them. */
export function parseEndpoint(text: string, weight: number): Parsed<EndpointConfig> {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return bad('must be a URL with its scheme', `write "http://HOST:PORT"`);
  if (!URL.canParse(text)) return bad('is not a URL', 'write "http://HOST:PORT"');
  const url = new URL(text);
  if (url.protocol === 'https:') return bad('https is not available in this version of Sluice (planned: TLS to upstreams)');
  if (url.protocol !== 'http:') return bad('must begin with http://');
  if (url.username !== '' || url.password !== '') return bad('must not hold a user or a password', 'set the Authorization field instead');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return bad('must end after the port: an endpoint has no path', 'use `rewrite` on the route to change the path');
  }
  if (url.port === '0') return bad('must not have port 0');
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return good({ url: text, host, port: url.port === '' ? 80 : Number(url.port), weight, priority: 0, zone: '' });
}

/** An address or an address block, `10.0.0.0/8`, `::1`; comes out as written with its prefix length always there. */
export function parseCidr(text: string): Parsed<string> {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = isIpv4(address) ? 32 : isIpv6(address) ? 128 : 0;
  if (bits === 0 || rest.length > 0) return bad('must be an address or an address block, such as 10.0.0.0/8 or fd00::/8');
  if (prefix === undefined) return good(`${address}/${bits}`);
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) return bad(`must have a prefix length from 0 to ${bits}`);
  return good(`${address}/${Number(prefix)}`);
}

/** `api.example.com`, `*.example.com`, an address; lower case, without port. */
export function parseHostMatch(text: string): Parsed<string> {
  const host = text.toLowerCase();
  const name = host.startsWith('*.') ? host.slice(2) : host;
  if (host.startsWith('[') && host.endsWith(']') && isIpv6(host.slice(1, -1))) return good(host);
  if (/:\d+$/.test(name)) return bad('must not have a port');
  if (name.includes('*')) return bad('may have a wildcard only as its first label', 'write "*.example.com"');
  if (isHostName(name) || isIpv4(host)) return good(host);
  return bad('must be a host name, such as api.example.com or *.example.com');
}
