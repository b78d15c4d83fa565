import { z } from 'zod';
import { isIpv4, isIpv6 } from './address.ts';
import type { DiscoveryConfig, DiscoveryQuestion } from './discovery-types.ts';
import { bad, good, type Parsed } from './problem.ts';
import { boundedInteger, checkedText, duration, flag, parsedText, word } from './scalars.ts';

/** `discovery` of an upstream: where its endpoints are asked for. */

const DAY_MS = 86_400_000;
const IN_CLUSTER = 'https://kubernetes.default.svc';
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

const NAME = /^(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?$/;

function parseNameAndPort(text: string): Parsed<{ host: string; port: number }> {
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (!NAME.test(host) || Number(port) < 1 || Number(port) > 65_535)
    return bad('must be a name with its port', 'write "orders.internal:8080"');
  if (isIpv4(host)) return bad('is an address, and needs no discovery', 'put it under `endpoints`');
  return good({ host, port: Number(port) });
}

const srvName = checkedText((text) => (NAME.test(text) ? good(text) : bad('must be a name, such as _http._tcp.orders.internal')));

/** `127.0.0.1`, `127.0.0.1:8600`, `[::1]:53`. */
const server = checkedText((text) => {
  const [, ipv6, ipv4, port = '53'] = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isAddress = ipv6 === undefined ? isIpv4(ipv4 ?? '') : isIpv6(ipv6);
  return isAddress && Number(port) > 0 && Number(port) <= 65_535
    ? good(text)
    : bad('must be an address, with a port or without', 'write "10.0.0.2" or "[fd00::2]:53"');
});

function parseBaseUrl(text: string): Parsed<string> {
  if (!URL.canParse(text)) return bad('is not a URL', 'write "http://HOST:PORT"');
  const { protocol, username, password, search, hash } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return bad('must begin with http:// or https://');
  if (username !== '' || password !== '' || search !== '' || hash !== '') return bad('must hold no user, query or fragment');
  return good(text.replace(/\/+$/, ''));
}

const word255 = checkedText((text) =>
  /^[\x21-\x7e]{1,255}$/.test(text) ? good(text) : bad('must have 1 to 255 visible ASCII characters'),
);
const path = z.string({ error: 'must be a path as text' }).min(1, { error: 'must not be empty' }).max(4096);

const consul = z
  .strictObject({
    url: parsedText(parseBaseUrl).prefault('http://127.0.0.1:8500').describe('Of the agent; default http://127.0.0.1:8500.'),
    service: word255.describe('Name of the service. Required.'),
    tag: word255.optional().describe('Instances with this tag only; default all.'),
    datacenter: word255.optional().describe("Datacenter; default the agent's own."),
    token: word255.optional().describe('Token of the ACL system, best from the environment; default none.'),
    passingOnly: flag('Whether only instances whose checks all pass are used.', true),
  })
  .optional()
  .describe('Instances of a service in Consul, by blocking queries to its HTTP API.');

const kubernetes = z
  .strictObject({
    url: parsedText(parseBaseUrl).prefault(IN_CLUSTER).describe(`Of the API server; default ${IN_CLUSTER}.`),
    namespace: word255.prefault('default').describe('Namespace of the service; default default.'),
    service: word255.describe('Name of the service. Required.'),
    port: z
      .union([boundedInteger({ min: 1, max: 65_535 }).transform(String), word255], { error: 'must be the name or the number of a port' })
      .optional()
      .describe('Name or number of the port; default the only one.'),
    tokenFile: path.optional().describe(`File with the token of a service account; default in the cluster ${ACCOUNT}/token, else none.`),
    caFile: path.optional().describe(`File with the certificate of the API server's authority; default in the cluster ${ACCOUNT}/ca.crt.`),
  })
  .optional()
  .describe('Ready endpoints of a service in Kubernetes, by watching its EndpointSlices.');

const KINDS = ['dns', 'srv', 'file', 'consul', 'kubernetes'] as const;

const discoveryObject = z
  .strictObject({
    dns: parsedText(parseNameAndPort)
      .optional()
      .describe('Every address of a name, with a port: "orders.internal:8080". Name servers are asked, not the hosts file.'),
    srv: srvName.optional().describe('SRV records of a name: "_http._tcp.orders.internal"; priorities and weights are theirs.'),
    file: path.optional().describe('A file with a list of endpoints as `endpoints` has it, in YAML or JSON; it is watched.'),
    consul,
    kubernetes,
    family: word('With dns, which addresses: auto is IPv4, and IPv6 where there is none.', ['auto', 'ipv4', 'ipv6', 'both']),
    servers: z
      .array(server, { error: 'must be a list of addresses' })
      .max(10)
      .prefault([])
      .describe("With dns and srv, the name servers to ask; default the system's."),
    refresh: duration('With dns, srv and file, asked again after this, or after the TTL where that is shorter (1s at least).', {
      min: 100,
      max: DAY_MS,
      byDefault: '10s',
    }),
    keep: duration('How long the last good answer is used when answers fail or are empty; then there are no endpoints.', {
      min: 0,
      max: 30 * DAY_MS,
      byDefault: '1h',
    }),
  })
  .superRefine((value, context) => {
    const given = KINDS.filter((kind) => value[kind] !== undefined);
    const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', message, path: [key] });
    if (given.length === 0) context.addIssue({ code: 'custom', message: `must have one of ${KINDS.join(', ')}`, path: [] });
    for (const kind of given.slice(1)) refuse(kind, `cannot stand beside \`${given[0] ?? ''}\`: one upstream has one source`);
    if (value.servers.length > 0 && value.dns === undefined && value.srv === undefined) refuse('servers', 'needs `dns` or `srv`');
    if (value.family !== 'auto' && value.dns === undefined) refuse('family', 'needs `dns`');
  });

export const discoverySchema = discoveryObject
  .optional()
  .describe(
    'Endpoints are found by Sluice while it runs; those under `endpoints`, if any, serve until the first answer. Default: they are fixed.',
  );

export type ParsedDiscovery = z.output<typeof discoverySchema>;

export function compileDiscovery(parsed: ParsedDiscovery): DiscoveryConfig | undefined {
  if (parsed === undefined) return undefined;
  return { question: questionOf(parsed), refreshMs: parsed.refresh, keepMs: parsed.keep };
}

function questionOf({
  dns,
  srv,
  file,
  consul: asked,
  kubernetes: cluster,
  family,
  servers,
}: NonNullable<ParsedDiscovery>): DiscoveryQuestion {
  if (dns !== undefined) return { kind: 'dns', ...dns, family, servers };
  if (srv !== undefined) return { kind: 'srv', name: srv, servers };
  if (asked !== undefined) {
    const { url, service, tag = '', datacenter = '', token = '', passingOnly } = asked;
    return { kind: 'consul', url, service, tag, datacenter, token, isPassingOnly: passingOnly };
  }
  if (cluster !== undefined) {
    const { url, namespace, service, port = '' } = cluster;
    const isInside = url === IN_CLUSTER;
    const tokenFile = cluster.tokenFile ?? (isInside ? `${ACCOUNT}/token` : '');
    return {
      kind: 'kubernetes',
      url,
      namespace,
      service,
      port,
      tokenFile,
      caFile: cluster.caFile ?? (isInside ? `${ACCOUNT}/ca.crt` : ''),
    };
  }
  return { kind: 'file', path: file ?? '' };
}
