import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import type { AdminTarget, PurgeFlags } from './admin-commands.ts';
import type { StartCommand } from './launch.ts';
import { addLimits } from './limits/limits-command.ts';
import { readVersion } from './version.ts';

// Every command loads what it needs when it runs. A plain `start` does not come here: see `launch.mjs`.

type ConfigFlags = { readonly config?: string };
type AdminFlags = ConfigFlags & { readonly admin?: string };
type ExplainFlags = AdminFlags & { readonly header: readonly string[]; readonly ip?: string };
type PurgeCommandFlags = AdminFlags & PurgeFlags;
type Outcome = { exitCode: number };

const ADMIN_COMMANDS = {
  reload: 'have a running sluice read its configuration again; exit code 1 if it is bad',
  drain: 'have a running sluice finish what is in flight and end',
  top: 'print what a running sluice counts',
} as const;

/** Runs the command of `argv`, which begins as `process.argv` does. Resolves with the exit code. */
export async function runCli(argv: readonly string[], start: StartCommand): Promise<number> {
  const outcome: Outcome = { exitCode: 0 };
  const program = makeProgram();
  addStart(program, start, outcome);
  addConfigCommands(program, outcome);
  addExplain(program, outcome);
  addAdminCommands(program, outcome);
  addPurge(program, outcome);
  addMirrors(program, outcome);
  addLimits(program, { adminCommand, run: (flags, action) => runAtAdmin(flags, outcome, action) });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode;
  }
  return outcome.exitCode;
}

function makeProgram(): Command {
  return new Command('sluice')
    .description('Reverse proxy and API gateway for multi-core hosts.')
    .version(readVersion())
    .showHelpAfterError('(see --help)')
    .exitOverride();
}

function addStart(program: Command, start: StartCommand, outcome: Outcome): void {
  program
    .command('start')
    .description('serve; without arguments: the built-in example with its own origin')
    .option('--config <file>', 'configuration, YAML or a .ts module (environment: SLUICE_CONFIG)')
    .option('--listen <address>', 'address to listen on, as ":8080" (environment: SLUICE_LISTEN)')
    .option('--to <url>', 'serve one upstream without a configuration, credentials included')
    .option('--admin <address>', 'admin listener')
    .action(async (flags: AdminFlags & { readonly listen?: string; readonly to?: string }) => {
      outcome.exitCode = await start(withAbsoluteConfig(flags));
    });
}

function addConfigCommands(program: Command, outcome: Outcome): void {
  program
    .command('check')
    .description('read a configuration and report every problem as file:line:column; exit code 1 if there is one')
    .requiredOption('--config <file>', 'configuration', configFromEnv())
    .action(async ({ config = '' }: ConfigFlags) => {
      const { runCheck } = await import('./config-commands.ts');
      outcome.exitCode = await runCheck(resolve(config));
    });

  program
    .command('schema')
    .description('print the JSON Schema of the configuration')
    .action(async () => {
      const { runSchema } = await import('./config-commands.ts');
      outcome.exitCode = await runSchema();
    });
}

function addExplain(program: Command, outcome: Outcome): void {
  program
    .command('explain')
    .description('which route a request takes, and why')
    .requiredOption('--config <file>', 'configuration', configFromEnv())
    .argument('<method>', 'request method')
    .argument('<url>', 'absolute URL, or a path')
    .option('-H, --header <line>', 'a request field, "name: value"; may be repeated', collect, [])
    .option('--ip <address>', 'address of the client, for limits')
    .option('--admin <address>', 'admin listener of a running sluice, which knows what is left of limits')
    .action(async (method: string, url: string, flags: ExplainFlags) => {
      const { runExplain } = await import('./explain-command.ts');
      const { config = '', header, ip, admin } = flags;
      outcome.exitCode = await runExplain({ configPath: resolve(config), method, url, fields: header, clientIp: ip, admin });
    });
}

function addAdminCommands(program: Command, outcome: Outcome): void {
  for (const [name, description] of Object.entries(ADMIN_COMMANDS)) {
    adminCommand(program, name)
      .description(description)
      .action(async (flags: AdminFlags) => {
        const { ADMIN_ACTIONS } = await import('./admin-commands.ts');
        const action = ADMIN_ACTIONS[name];
        if (action !== undefined) await runAtAdmin(flags, outcome, action);
      });
  }
}

function addPurge(program: Command, outcome: Outcome): void {
  adminCommand(program, 'purge')
    .description('drop answers from the cache of a running sluice, on all workers at once; prints how many')
    .argument('[url]', 'absolute URL, all variants of its answer')
    .option('--prefix <text>', 'everything whose URL begins so: "http://host/path", or "/path" on any host')
    .option('--tag <tag>', 'everything that the origin gave this tag (Surrogate-Key, Cache-Tag)')
    .option('--all', 'everything')
    .option('--soft', 'keep it, but validate it before it is served as fresh again')
    .action(async (url: string | undefined, flags: PurgeCommandFlags) => {
      const { purge } = await import('./admin-commands.ts');
      await runAtAdmin(flags, outcome, (admin) => purge(admin, url, flags));
    });
}

function addMirrors(program: Command, outcome: Outcome): void {
  adminCommand(program, 'mirrors')
    .description('how the answers of shadow upstreams differ from the live ones; exit code 2 when one differs')
    .argument('[route]', 'of this route alone')
    .option('--reset', 'forget what was compared for the route')
    .action(async (route: string | undefined, flags: AdminFlags & { readonly reset?: true }) => {
      const { showMirrors } = await import('./mirrors/mirrors-command.ts');
      await runAtAdmin(flags, outcome, (admin) => showMirrors(admin, route, flags.reset === true));
    });
}

async function runAtAdmin(flags: AdminFlags, outcome: Outcome, action: (admin: AdminTarget) => Promise<number>): Promise<void> {
  const { findAdmin } = await import('./admin-commands.ts');
  const admin = await findAdmin(withAbsoluteConfig(flags));
  outcome.exitCode = typeof admin === 'string' ? complain(admin) : await action(admin);
}

function adminCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .option('--config <file>', 'configuration whose admin address and token are used', configFromEnv())
    .option('--admin <address>', 'address of the admin listener');
}

function withAbsoluteConfig<T extends ConfigFlags>(flags: T): T {
  return flags.config === undefined ? flags : { ...flags, config: resolve(flags.config) };
}

function configFromEnv(): string | undefined {
  return process.env['SLUICE_CONFIG'] || undefined;
}

function collect(line: string, lines: readonly string[]): readonly string[] {
  return [...lines, line];
}

function complain(text: string): number {
  console.error(`sluice: ${text}`);
  return 1;
}
