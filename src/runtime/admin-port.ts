import type { GatewayConfig } from '../config/types.ts';
import * as events from '../observe/events.ts';
import type { EventLog } from '../observe/log.ts';
import type { AdminPort, ReloadResult } from './admin.ts';
import { describeCache, runPurge } from './cache-commands.ts';
import type { Crew } from './crew.ts';
import type { Keepers } from './keepers.ts';
import { answerAboutLimits } from './limits/limit-commands.ts';
import type { ProcessMetrics } from './process-metrics.ts';
import type { SharedHosts } from './shared-hosts.ts';
import { shownConfig } from './shown-config.ts';
import type { LastGood } from './start-options.ts';

/** What the coordinator has at the time of a request; `undefined` while it starts. */
export type AdminMoment = {
  readonly crew: Crew | undefined;
  readonly metrics: ProcessMetrics | undefined;
  readonly hosts: SharedHosts | undefined;
  readonly keepers: Keepers | undefined;
  readonly good: LastGood | undefined;
  readonly isServing: boolean;
};

/** What the coordinator lets the admin listener see and do. */
export type AdminScene = {
  readonly log: EventLog;
  now(): AdminMoment;
  reload(): Promise<ReloadResult>;
  drain(): void;
  /** Consumers have been moved: the plan anew. Resolves with what went wrong. */
  replan(): Promise<readonly string[]>;
};

/** Everything that the admin listener can ask, from what the coordinator has. */
export function adminPort(token: string | undefined, { log, now, reload, drain, replan }: AdminScene): AdminPort {
  const configNow = (): GatewayConfig | undefined => now().crew?.plan.config;
  return {
    token,
    isReady: () => now().isServing && now().crew?.isWhole === true,
    metrics: (accept) => printMetrics(accept, now()),
    reload,
    drain,
    config: () => shownConfig(configNow()),
    purge: (order) => {
      const { hosts, keepers, metrics } = now();
      const count = ({ kind }: { readonly kind: 'url' | 'prefix' | 'tag' | 'all' }, objects: number): void =>
        metrics?.countPurged(kind, objects);
      return runPurge(order, { cache: hosts?.cache, disk: keepers?.disk, config: configNow(), log, count });
    },
    cache: () => describeCache(now().hosts?.cache, now().keepers?.disk, configNow()),
    upstreams: () => now().hosts?.upstreams.snapshot() ?? { upstreams: [] },
    mirrors: () => now().hosts?.mirrors.report() ?? { mirrors: [] },
    resetMirror: (name) => now().hosts?.mirrors.reset(name) === true,
    limits: (question) => {
      const { hosts, good } = now();
      return answerAboutLimits(question, { host: hosts?.limits, config: configNow(), base: good?.config, log, replan });
    },
    onRefused: (client, path) => events.adminRefused(log, { client, path }),
  };
}

function printMetrics(
  accept: string,
  { metrics, crew, hosts, keepers }: AdminMoment,
): { readonly text: string; readonly contentType: string } {
  if (metrics === undefined) return { text: '', contentType: 'text/plain' };
  return metrics.print(accept, {
    readyWorkers: crew?.ready.length ?? 0,
    cache: hosts?.cache.stats,
    disk: keepers?.disk.figures,
    records: keepers?.records.figures,
    limits: hosts?.limits.figures,
    quotas: keepers?.quotas.figures,
  });
}
