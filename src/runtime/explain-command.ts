import { explainMatch } from '../routing/explain.ts';
import { Router } from '../routing/router.ts';
import { type AskedRequest, askedRequest, type Explained } from './explain-request.ts';
import { explainRoute } from './explain-route.ts';
import type { GatewayConfig, RouteConfig } from '../config/types.ts';
import { type AdminReply, askAdmin, complain, findAdmin } from './admin-commands.ts';
import { explainLimits, leftText } from './limits/explain-limits.ts';
import { readConfigFile } from './read-config.ts';

/** `sluice explain`: which route has the request, why the others have not, and what becomes of it. Exit code 1 when none has. */
export async function runExplain(explained: Explained): Promise<number> {
  const read = await readConfigFile(explained.configPath);
  if (read.kind === 'bad') {
    for (const problem of read.problems) console.error(problem);
    return 1;
  }
  const asked = askedRequest(explained);
  if (typeof asked === 'string') {
    console.error(`sluice: ${asked}`);
    return 2;
  }
  const router = new Router(read.config.routes.map((route) => ({ ...route, value: route })));
  for (const { name, line, outcome, reason } of explainMatch(router.routes, asked.facts)) {
    const mark = outcome === 'chosen' ? '→' : ' ';
    console.log(`${mark} ${name}${line > 0 ? ` (line ${line})` : ''}: ${reason}`);
  }
  const found = router.match(asked.facts);
  if (found.kind === 'found') {
    console.log(explainRoute(found, asked, read.config).join('\n'));
    return printLimits(found.value, asked, { config: read.config, explained });
  }
  console.log(found.kind === 'no-route' ? 'no route: 404' : `no route for this method: 405, Allow: ${found.allow}`);
  return 1;
}

/** With what is left of each, where a running Sluice is to be asked. Returns the exit code. */
async function printLimits(
  route: RouteConfig,
  asked: AskedRequest,
  { config, explained }: { readonly config: GatewayConfig; readonly explained: Explained },
): Promise<number> {
  const lines = explainLimits(route, asked, { config, ip: explained.clientIp });
  if (explained.admin === undefined) {
    console.log(lines.map(({ text }) => text).join('\n'));
    return 0;
  }
  const admin = await findAdmin({ admin: explained.admin });
  if (typeof admin === 'string') {
    console.error(`sluice: ${admin}`);
    return 1;
  }
  for (const { text, ask } of lines) {
    const reply = ask === undefined ? undefined : await askAdmin(admin, 'GET', `/limits/key?${new URLSearchParams(ask)}`);
    if (reply?.status === 0) return complain(reply);
    console.log(text + restOf(reply));
  }
  return 0;
}

/** The running configuration may be another one, which has no such limit. */
function restOf(reply: AdminReply | undefined): string {
  if (reply === undefined) return '';
  return reply.status === 200 && isRecord(reply.body) ? leftText(reply.body) : '; not in the configuration that serves';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
