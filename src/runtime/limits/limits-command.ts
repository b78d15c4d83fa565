import type { Command } from 'commander';
import type { AdminTarget } from '../admin-commands.ts';

export type LimitsSetting = {
  /** With the flags that name the admin listener. */
  adminCommand(parent: Command, name: string): Command;
  /** Finds the admin listener by those flags, does it, keeps the exit code. */
  run(flags: object, action: (admin: AdminTarget) => Promise<number>): Promise<void>;
};

/** `sluice limits …`: asks a running Sluice. */
export function addLimits(program: Command, setting: LimitsSetting): void {
  const limits = program.command('limits').description('limits, tiers and quotas of a running sluice');
  setting
    .adminCommand(limits, 'list')
    .description('what is limited, and how full the tables are')
    .action((flags: object) => setting.run(flags, (admin) => ask(admin, 'GET', '/limits', [])));
  addKeyCommand(limits, setting, { name: 'show', method: 'GET', description: 'what is left of a limit for one key' });
  addKeyCommand(limits, setting, { name: 'reset', method: 'DELETE', description: 'one key of a limit is as new' });
  setting
    .adminCommand(limits, 'consumer')
    .description('tier, limits and quotas of a consumer')
    .argument('<consumer>', 'its name')
    .option('--reset', 'all of its limits and quotas are as new')
    .action((name: string, flags: { readonly reset?: true }) =>
      setting.run(flags, (admin) => ask(admin, flags.reset === true ? 'DELETE' : 'GET', '/limits/consumer', [['name', name]])),
    );
  setting
    .adminCommand(limits, 'move')
    .description('a consumer gets another tier from now on, and keeps what it has used; without a tier: what the configuration says')
    .argument('<consumer>', 'its name')
    .argument('[tier]', 'name of the tier')
    .action((name: string, tier: string | undefined, flags: object) =>
      setting.run(flags, (admin) => ask(admin, 'PUT', '/limits/consumer', [['name', name]], { tier: tier ?? null })),
    );
}

type Pairs = [string, string][];
type KeyCommand = { readonly name: string; readonly method: 'GET' | 'DELETE'; readonly description: string };

function addKeyCommand(limits: Command, setting: LimitsSetting, { name, method, description }: KeyCommand): void {
  setting
    .adminCommand(limits, name)
    .description(description)
    .argument('<limit>', 'name of the limit or quota')
    .argument(
      '[key...]',
      'a word for each part that it counts by: consumer, key as "acme/0", address, field value; "ip:ADDRESS" for who is no consumer',
    )
    .option('--route <name>', 'route, where several have a limit of that name')
    .action((limit: string, key: readonly string[], { route, ...flags }: { readonly route?: string }) => {
      const about: Pairs = [
        ['limit', limit],
        ...(route === undefined ? [] : [pair('route', route)]),
        ...key.map((word) => pair('key', word)),
      ];
      return setting.run(flags, (admin) => ask(admin, method, '/limits/key', about));
    });
}

function pair(name: string, value: string): [string, string] {
  return [name, value];
}

/** Prints what is answered, as JSON for people. Returns the exit code. */
async function ask(admin: AdminTarget, method: string, path: string, about: Pairs, body?: object): Promise<number> {
  const { askAdmin, complain } = await import('../admin-commands.ts');
  const query = new URLSearchParams(about).toString();
  const reply = await askAdmin(admin, method, query === '' ? path : `${path}?${query}`, body);
  if (reply.status !== 200) return complain(reply);
  console.log(JSON.stringify(reply.body, undefined, 2));
  return 0;
}
