import type { DiscoveryConfig } from '../../config/discovery-types.ts';
import { ConsulSource } from './consul-source.ts';
import { DnsSource } from './dns-source.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import type { DiscoverySource, SourceListener } from './source.ts';
import { SrvSource } from './srv-source.ts';

/** What sources need of the world beyond the network. */
export type SourceServices = {
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** A file's text; throws where it cannot be read. */
  readText(path: string): string;
  /** A list of endpoints in a file, watched. */
  watchFile(path: string, refreshMs: number, listener: SourceListener): DiscoverySource;
};

export function makeSource({ question, refreshMs }: DiscoveryConfig, listener: SourceListener, services: SourceServices): DiscoverySource {
  const pace = { refreshMs, random: services.random };
  switch (question.kind) {
    case 'dns':
      return new DnsSource(question, listener, pace);
    case 'srv':
      return new SrvSource(question, listener, pace);
    case 'file':
      return services.watchFile(question.path, refreshMs, listener);
    case 'consul':
      return new ConsulSource(question, listener, pace);
    case 'kubernetes':
      return new KubernetesSource(question, listener, services);
  }
}
