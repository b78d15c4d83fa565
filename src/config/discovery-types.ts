/** Where the endpoints of an upstream are asked for. */
export type DiscoveryQuestion =
  /** The addresses of a name, each an endpoint. `auto`: IPv4, and IPv6 where there is none. */
  | {
      readonly kind: 'dns';
      readonly host: string;
      readonly port: number;
      readonly family: AddressFamily;
      readonly servers: readonly string[];
    }
  /** Targets, ports, priorities and weights of a name; targets are used as names. */
  | { readonly kind: 'srv'; readonly name: string; readonly servers: readonly string[] }
  /** A list as `endpoints` has it, in YAML or JSON. */
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'consul';
      /** Without a slash at its end. */
      readonly url: string;
      readonly service: string;
      /** `''` = any; the same of those that follow. */
      readonly tag: string;
      readonly datacenter: string;
      readonly token: string;
      readonly isPassingOnly: boolean;
    }
  | {
      readonly kind: 'kubernetes';
      readonly url: string;
      readonly namespace: string;
      readonly service: string;
      /** Name or number; `''` = the only one. */
      readonly port: string;
      /** Read anew for each connection, since Kubernetes changes them. `''` = none. */
      readonly tokenFile: string;
      readonly caFile: string;
    };

export type AddressFamily = 'auto' | 'ipv4' | 'ipv6' | 'both';

export type DiscoveryConfig = {
  readonly question: DiscoveryQuestion;
  /** The longest time between two questions, where no answer comes by itself. */
  readonly refreshMs: number;
  /** How long the last good answer is used after answers began to fail or be empty. */
  readonly keepMs: number;
};
