import { parseListen } from '../config/address.ts';
import { summarizeError } from './faults.ts';
import { property } from './property.ts';
import { readConfigFile } from './read-config.ts';
import { addressText } from './resolve-ports.ts';

const DEFAULT_ADMIN = { host: '127.0.0.1', port: 9901 };
const TIMEOUT_MS = 60_000;
/** What is open to all is asked there from the host itself. */
const ANY_ADDRESS = new Set(['0.0.0.0', '::']);

/** Where a running Sluice listens for these commands. */
export type AdminTarget = { readonly url: string; readonly token: string | undefined };

/** From `--admin`, else from the configuration, else the default. Text when neither can be used. */
export async function findAdmin(flags: { readonly config?: string; readonly admin?: string }): Promise<AdminTarget | string> {
  const token = process.env['SLUICE_ADMIN_TOKEN'] || undefined;
  if (flags.admin !== undefined) {
    const address = parseListen(flags.admin);
    return address.kind === 'bad' ? `--admin ${flags.admin}: ${address.message}` : targetOf(address.value, token);
  }
  if (flags.config === undefined) return targetOf(DEFAULT_ADMIN, token);
  const read = await readConfigFile(flags.config);
  // The file may be bad just now, which is what `reload` is to find out from the process itself.
  if (read.kind === 'bad') return targetOf(DEFAULT_ADMIN, token);
  const { admin } = read.config;
  return admin === undefined ? `${flags.config} has no admin listener` : targetOf(admin.address, admin.token ?? token);
}

/** Each returns the exit code. */
export const ADMIN_ACTIONS: Readonly<Record<string, (admin: AdminTarget) => Promise<number>>> = { reload, drain, top };

async function reload(admin: AdminTarget): Promise<number> {
  const reply = await askAdmin(admin, 'POST', '/reload');
  if (reply.status === 200) {
    for (const note of textsOf(reply.body, 'notes')) console.log(`note: ${note}`);
    console.log('reloaded');
    return 0;
  }
  console.error('not reloaded, the old plan serves on');
  return complain(reply);
}

async function drain(admin: AdminTarget): Promise<number> {
  const reply = await askAdmin(admin, 'POST', '/drain');
  if (reply.status !== 202) return complain(reply);
  console.log('draining');
  return 0;
}

/** The counters and gauges that are not zero, without buckets. */
async function top(admin: AdminTarget): Promise<number> {
  const reply = await askAdmin(admin, 'GET', '/metrics');
  if (reply.status !== 200) return complain(reply);
  const lines = reply.text
    .split('\n')
    .filter((line) => !line.startsWith('#') && !line.includes('_bucket{') && !line.endsWith(' 0') && line !== '');
  console.log(lines.join('\n'));
  return 0;
}

export type PurgeFlags = { readonly prefix?: string; readonly tag?: string; readonly all?: true; readonly soft?: true };

/** `sluice purge`. Exit code 0 also when nothing was there to purge. */
export async function purge(admin: AdminTarget, url: string | undefined, { prefix, tag, all, soft }: PurgeFlags): Promise<number> {
  // What is undefined does not appear in JSON; the process judges the rest.
  const reply = await askAdmin(admin, 'POST', '/purge', { url, prefix, tag, all, soft });
  if (reply.status !== 200) return complain(reply);
  console.log(`${soft === true ? 'marked stale' : 'purged'}: ${String(property(reply.body, 'purged'))}`);
  return 0;
}

export type AdminReply = { readonly status: number; readonly text: string; readonly body: unknown };

/** `body` is sent as JSON. Status 0: there was no answer, and `problems` tell why. */
export async function askAdmin(admin: AdminTarget, method: string, path: string, body?: object): Promise<AdminReply> {
  const headers: Record<string, string> = admin.token === undefined ? {} : { authorization: `Bearer ${admin.token}` };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  try {
    const response = await fetch(`${admin.url}${path}`, { method, headers, ...sent, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    return { status: response.status, text, body: parse(text) };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return { status: 0, text: '', body: { problems: [`${admin.url} cannot be reached: ${summarizeError(cause)}`] } };
  }
}

/** Prints what went wrong. Returns the exit code. */
export function complain({ status, body }: AdminReply): number {
  const problems = textsOf(body, 'problems');
  if (status === 401) console.error('sluice: the admin listener needs a token; set SLUICE_ADMIN_TOKEN');
  else if (problems.length === 0) console.error(`sluice: the admin listener answered ${status}`);
  for (const problem of problems) console.error(problem);
  return 1;
}

function textsOf(body: unknown, name: string): readonly string[] {
  const list = property(body, name);
  return Array.isArray(list) ? list.map(String) : [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function targetOf(address: { readonly host: string; readonly port: number }, token: string | undefined): AdminTarget {
  const host = ANY_ADDRESS.has(address.host) ? '127.0.0.1' : address.host;
  return { url: `http://${addressText({ host, port: address.port })}`, token };
}
