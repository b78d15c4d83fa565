import type { GatewayConfig } from '../config/types.ts';

/** What `sluice start` was asked to run, as it travels from the command line to the proxy process. Plain data. */
export type Source =
  /** A configuration file, YAML or a `.ts`/`.js`/`.mjs` module. Absolute path. */
  | { readonly kind: 'file'; readonly path: string }
  /** One upstream, everything to it. */
  | { readonly kind: 'quick'; readonly to: string; readonly listen: string }
  /** The built-in example with its own origin. */
  | { readonly kind: 'demo'; readonly listen: string };

export type StartOptions = {
  readonly source: Source;
  /** `--listen` over a file: replaces the address of its first listener. `undefined` = as in the file. */
  readonly listen: string | undefined;
  /** `--admin`, for the sources without a file. `undefined` = off. */
  readonly admin: string | undefined;
  /** The admin address was not asked for by name, so a taken port is told and nothing more. */
  readonly isAdminOptional: boolean;
  /** `SLUICE_WORKERS`; 0 = as configured. */
  readonly workers: number;
  readonly logLevel: LogLevel;
};

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the supervisor hands to one proxy process beside the options. */
export type ProxyStart = {
  readonly options: StartOptions;
  /** One for the whole run, hot upgrades included, so that all workers know each other in `Via`. */
  readonly runToken: string;
  /** Ports that an earlier proxy process was given for a port 0, by listener name. */
  readonly ports: Readonly<Record<string, number>>;
  /** Another proxy process of ours may still hold the ports: they are shared, not checked to be free. */
  readonly sharesPorts: boolean;
  /** After a death: what ran last, and runs again whatever the file says by now, so that a death does not become an outage. */
  readonly lastGood: LastGood | undefined;
};

/** A configuration that has served, ports resolved, and where its filter modules stand. */
export type LastGood = { readonly config: GatewayConfig; readonly modules: Readonly<Record<string, string>> };

const DEFAULT_LISTEN = '127.0.0.1:8080';
const DEFAULT_ADMIN = '127.0.0.1:9901';
const MAX_WORKERS = 256;

export type StartFlags = {
  readonly config?: string;
  readonly listen?: string;
  readonly to?: string;
  readonly admin?: string;
};

/** Flags over environment over defaults. Returns text in place of options when they contradict each other. */
export function startOptions(flags: StartFlags, env: Readonly<Record<string, string | undefined>>): StartOptions | string {
  const config = flags.config ?? (flags.to === undefined ? nonEmpty(env['SLUICE_CONFIG']) : undefined);
  const listen = flags.listen ?? nonEmpty(env['SLUICE_LISTEN']);
  if (config !== undefined && flags.to !== undefined) return '--config and --to exclude each other';
  const workers = parseWorkers(nonEmpty(env['SLUICE_WORKERS']));
  if (workers === undefined) return `SLUICE_WORKERS must be "auto" or a whole number from 1 to ${MAX_WORKERS}`;
  const source = chooseSource(config, flags.to, listen ?? DEFAULT_LISTEN);
  const logLevel = parseLogLevel(nonEmpty(env['SLUICE_LOG']) ?? (source.kind === 'file' ? 'info' : 'warn'));
  if (logLevel === undefined) return `SLUICE_LOG must be one of ${LOG_LEVELS.join(', ')}`;
  return {
    source,
    listen: source.kind === 'file' ? listen : undefined,
    admin: flags.admin ?? (source.kind === 'demo' ? DEFAULT_ADMIN : undefined),
    isAdminOptional: flags.admin === undefined,
    workers,
    logLevel,
  };
}

function chooseSource(config: string | undefined, to: string | undefined, listen: string): Source {
  if (config !== undefined) return { kind: 'file', path: config };
  if (to !== undefined) return { kind: 'quick', to, listen };
  return { kind: 'demo', listen };
}

function parseWorkers(text: string | undefined): number | undefined {
  if (text === undefined || text === 'auto') return 0;
  if (!/^[1-9]\d{0,3}$/.test(text)) return undefined;
  const count = Number(text);
  return count <= MAX_WORKERS ? count : undefined;
}

function parseLogLevel(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === text);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
