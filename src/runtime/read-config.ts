import { readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseListen } from '../config/address.ts';
import { textAsWritten } from '../config/expand.ts';
import type { LoadResult } from '../config/load.ts';
import { formatProblem, type Problem } from '../config/problem.ts';
import { needsAdminToken } from '../config/semantics.ts';
import type { DiscoveryConfig } from '../config/discovery-types.ts';
import type { GatewayConfig, ListenAddress } from '../config/types.ts';
import { summarizeError } from './faults.ts';
import { property } from './property.ts';
import type { Source, StartOptions } from './start-options.ts';

export type ReadConfig =
  | {
      readonly kind: 'ok';
      readonly config: GatewayConfig;
      readonly warnings: readonly string[];
      /** Filter modules: path as written to absolute path. */
      readonly modules: Readonly<Record<string, string>>;
    }
  /** One line each, ready to be shown. */
  | { readonly kind: 'bad'; readonly problems: readonly string[] };

const ADMIN_REMEDY = 'listen on 127.0.0.1, or set the token in a configuration file';
const MODULE_EXTENSIONS = ['.ts', '.mts', '.js', '.mjs'];

/** Reads what the options name, from the disk or made up, with the command line's and the environment's overrides. */
export async function readConfig(options: StartOptions, demoOrigin: string): Promise<ReadConfig> {
  const { source } = options;
  if (source.kind === 'file') {
    const read = await readConfigFile(source.path);
    return read.kind === 'bad' ? read : override(read, options);
  }
  const made = await makeConfig(source, demoOrigin);
  if (made.kind === 'bad') return { kind: 'bad', problems: made.problems.map(formatProblem) };
  return override({ kind: 'ok', config: made.config, warnings: [], modules: {} }, options);
}

async function makeConfig(source: Exclude<Source, { kind: 'file' }>, demoOrigin: string): Promise<LoadResult> {
  if (source.kind === 'quick') {
    const { quickLoad } = await import('../config/quick.ts');
    return quickLoad({ to: source.to, listen: source.listen });
  }
  const { loadDemo } = await import('./demo-config.ts');
  return loadDemo({ to: demoOrigin, listen: source.listen });
}

/** Reads one file, YAML or a module, and checks all that can be checked without running it. The heavy parsers are loaded here. */
export async function readConfigFile(path: string): Promise<ReadConfig> {
  const loaded = await parseFile(path);
  if (typeof loaded === 'string') return { kind: 'bad', problems: [`${path}: ${loaded}`] };
  if (loaded.kind === 'bad') return { kind: 'bad', problems: loaded.problems.map(formatProblem) };
  const modules = resolveModules(loaded.config, dirname(path));
  const { checkRoutes } = await import('../routing/check-routes.ts');
  const routes = checkRoutes(loaded.config.routes);
  const { outside } = loaded.config;
  // They quote conditions, which may be secrets that only a proxy before us knows.
  const shown = (finding: Omit<Problem, 'file'>): string =>
    formatProblem({ ...finding, file: path, message: textAsWritten(finding.message, outside) });
  const problems = [...routes.problems.map(shown), ...missingModules(path, modules)];
  if (problems.length > 0) return { kind: 'bad', problems };
  const warnings = [...loaded.warnings.map(formatProblem), ...routes.warnings.map(shown)];
  return { kind: 'ok', config: withPaths(loaded.config, dirname(path)), warnings, modules };
}

async function parseFile(path: string): Promise<LoadResult | string> {
  const context = { fileName: path, env: process.env, readSecret: (secret: string) => readSecret(path, secret) };
  try {
    if (!MODULE_EXTENSIONS.includes(extname(path))) {
      const { loadConfig } = await import('../config/load-yaml.ts');
      return loadConfig(readFileSync(path, 'utf8'), context);
    }
    const { parseConfigObject } = await import('../config/load.ts');
    const url = pathToFileURL(path);
    // Modules are cached by their URL; a reload must see the file as it is now.
    url.searchParams.set('mtime', `${statSync(path).mtimeMs}-${performance.now()}`);
    const namespace: unknown = await import(url.href);
    const exported = property(namespace, 'default') ?? property(namespace, 'config');
    if (exported === undefined) return 'exports no configuration, neither as default nor as `config`';
    return parseConfigObject(exported, context);
  } catch (error) {
    return `cannot be read: ${summarizeError(error)}`;
  }
}

/** `${file:PATH}`, relative to the configuration. One line feed at its end is not part of the secret. */
function readSecret(configPath: string, path: string): string {
  return readFileSync(resolve(dirname(configPath), path), 'utf8').replace(/\r?\n$/, '');
}

/** Paths are meant from the folder of the configuration, wherever the process runs. */
function withPaths(config: GatewayConfig, folder: string): GatewayConfig {
  const { store, upstreams } = config;
  return {
    ...config,
    store: store === undefined ? undefined : { ...store, path: resolve(folder, store.path) },
    upstreams: upstreams.map((upstream) => ({ ...upstream, discovery: withSourcePaths(upstream.discovery, folder) })),
  };
}

function withSourcePaths(discovery: DiscoveryConfig | undefined, folder: string): DiscoveryConfig | undefined {
  const question = discovery?.question;
  if (discovery === undefined || question === undefined) return undefined;
  const from = (path: string): string => (path === '' ? '' : resolve(folder, path));
  if (question.kind === 'file') return { ...discovery, question: { ...question, path: from(question.path) } };
  if (question.kind !== 'kubernetes') return discovery;
  return { ...discovery, question: { ...question, tokenFile: from(question.tokenFile), caFile: from(question.caFile) } };
}

function resolveModules(config: GatewayConfig, folder: string): Record<string, string> {
  const modules: Record<string, string> = {};
  for (const route of config.routes) for (const { module } of route.filters) modules[module] = resolve(folder, module);
  return modules;
}

function missingModules(path: string, modules: Readonly<Record<string, string>>): string[] {
  return Object.entries(modules)
    .filter(([, file]) => statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
    .map(([written, file]) => `${path}: filters: ${written} is not a file (${file})`);
}

function override(read: Extract<ReadConfig, { kind: 'ok' }>, options: StartOptions): ReadConfig {
  const listen = options.listen === undefined ? undefined : parseListen(options.listen);
  if (listen?.kind === 'bad') return { kind: 'bad', problems: [`--listen ${options.listen}: ${listen.message}`] };
  const admin = options.admin === undefined ? undefined : parseListen(options.admin);
  if (admin?.kind === 'bad') return { kind: 'bad', problems: [`--admin ${options.admin}: ${admin.message}`] };
  const token = read.config.admin?.token;
  if (admin !== undefined && token === undefined && needsAdminToken(admin.value.host)) {
    return {
      kind: 'bad',
      problems: [`--admin ${options.admin}: is not a loopback address, so \`admin.token\` is required: ${ADMIN_REMEDY}`],
    };
  }
  const workers = options.workers || read.config.workers || availableParallelism();
  const config: GatewayConfig = {
    ...read.config,
    workers,
    listeners: withAddress(read.config, listen?.value),
    admin: admin === undefined ? read.config.admin : { address: admin.value, token },
  };
  return { ...read, config };
}

function withAddress(config: GatewayConfig, address: ListenAddress | undefined): GatewayConfig['listeners'] {
  const [first, ...rest] = config.listeners;
  return address === undefined || first === undefined ? config.listeners : [{ ...first, address }, ...rest];
}
