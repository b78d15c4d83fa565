import { never } from '../../base/never.ts';
import type { LimitAction } from '../../config/limit-types.ts';
import type { GatewayConfig, RouteConfig } from '../../config/types.ts';
import { formatDuration } from '../../config/units.ts';
import { type Asker, Consumers, NOBODY } from '../../policy/consumers.ts';
import { SEED_BYTES } from '../../shm/keyed-hash.ts';
import type { AskedRequest } from '../explain-request.ts';
import { type BookRule, LimitBook } from './limit-book.ts';

/** A line of `sluice explain`, and what to ask a running Sluice for the rest of it. */
export type LimitLine = {
  readonly text: string;
  /** Parameters of `GET /limits/key`; `undefined`: there is nothing to ask. */
  readonly ask: readonly [string, string][] | undefined;
};

type Client = { readonly asker: Asker; readonly ip: string | undefined; field(name: string): string | undefined };

/** Who asks, and what limits the request would meet, in the order in which they are asked. `ip`: the client's address, where it is given. */
export function explainLimits(
  route: RouteConfig,
  asked: AskedRequest,
  { config, ip }: { config: GatewayConfig; ip: string | undefined },
): readonly LimitLine[] {
  if (route.limits.length === 0 && route.tiers === undefined) return [plain('limits: none')];
  const consumers = config.consumers === undefined ? undefined : new Consumers(config.consumers, new Uint8Array(SEED_BYTES));
  const { facts } = asked;
  const field = (name: string): string | undefined => facts.field(name);
  const query = new URLSearchParams(facts.queryText);
  const asker = consumers?.who({ isFromTrustedProxy: true, field, query: (name) => query.get(name) ?? undefined }) ?? NOBODY;
  if (consumers?.refuses(asker) === true) return [plain('consumer: none, since nobody has this key: 401')];
  const set = new LimitBook(config).setOf(route.name, asker);
  if (set === undefined) return [plain('limits: none')];
  const rules = [...set.concurrency, ...set.rates, ...set.quotas];
  return [plain(consumerText(asker, set.tier)), ...rules.map((rule) => ruleLine(rule, route.name, { asker, ip, field }))];
}

/** The rest of the line, from what `GET /limits/key` has answered. */
export function leftText(answer: Readonly<Record<string, unknown>>): string {
  const { remaining, fullInSec, inFlight, used, until } = answer;
  if (inFlight !== undefined) return `; ${inFlight} now`;
  if (used !== undefined) return `; ${used} used, ${remaining} left until ${until}`;
  return `; ${remaining} left${fullInSec === 0 ? '' : `, all of it in ${fullInSec}s`}`;
}

function consumerText({ kind, name }: Asker, tier: string): string {
  const who = kind === 'unknown-key' ? 'none, since nobody has this key' : name || 'none';
  return tier === '' ? `consumer: ${who}` : `consumer: ${who}; tier ${tier}`;
}

function ruleLine(rule: BookRule, route: string, client: Client): LimitLine {
  const text = `${rule.kind === 'quota' ? 'quota' : 'limit'} ${rule.config.name}: ${amountText(rule)}, for each ${partsText(rule)}; beyond it: ${actionText(rule)}`;
  const words = wordsOf(rule, client);
  if (words === undefined) return plain(`${text}; whose, --ip would tell`);
  const place: [string, string][] = rule.identity.startsWith('r:') ? [['route', route]] : [];
  const key = words.map((word): [string, string] => ['key', word]);
  return { text, ask: [['limit', rule.config.name], ...place, ...key] };
}

function amountText(rule: BookRule): string {
  switch (rule.kind) {
    case 'concurrency':
      return `${rule.config.max} at the same time`;
    case 'quota':
      return `${rule.config.amount} a calendar ${rule.config.per} (${rule.config.timeZone})`;
    case 'rate': {
      const { amount, windowMs, burst, algorithm } = rule.config;
      const more = algorithm === 'sliding-window' ? ' (sliding window)' : burst === amount ? '' : `, ${burst} at once`;
      return `${amount} in ${formatDuration(windowMs)}${more}`;
    }
    default:
      return never(rule, 'amountText');
  }
}

function partsText({ key: { parts } }: BookRule): string {
  return parts
    .map((part) => (part.kind === 'header' ? `value of ${part.name}` : part.kind === 'apiKey' ? 'API key' : part.kind))
    .join(' and ');
}

function actionText({ config }: BookRule): string {
  const action: LimitAction = config.action;
  switch (action) {
    case 'reject':
      return '429';
    case 'throttle':
      return `waits${'maxDelayMs' in config ? `, ${formatDuration(config.maxDelayMs)} at most` : ''}, then 429`;
    case 'shadow':
      return 'only counted';
    case 'overage':
      return 'goes on, as overage';
    default:
      return never(action, 'actionText');
  }
}

/** Whose the request is, as `LimitKey.textOfWords` takes it. `undefined`: the address is needed and not given. */
function wordsOf({ key: { parts } }: BookRule, { asker, ip, field }: Client): readonly string[] | undefined {
  const words = parts.flatMap((part): readonly (string | undefined)[] => {
    const standIn = ip === undefined ? undefined : `ip:${ip}`;
    switch (part.kind) {
      case 'route':
        return [];
      case 'consumer':
        return [asker.name || standIn];
      case 'apiKey':
        return [asker.keyId || standIn];
      case 'ip':
        return [ip];
      case 'header':
        return [field(part.name) ?? ''];
      default:
        return never(part, 'wordsOf');
    }
  });
  return words.every((word) => word !== undefined) ? words : undefined;
}

function plain(text: string): LimitLine {
  return { text, ask: undefined };
}
