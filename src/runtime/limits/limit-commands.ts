import type { GatewayConfig } from '../../config/types.ts';
import { formatDuration } from '../../config/units.ts';
import * as events from '../../observe/events.ts';
import type { EventLog } from '../../observe/log.ts';
import type { Asker } from '../../policy/consumers.ts';
import { summarizeError } from '../faults.ts';
import { property } from '../property.ts';
import type { LimitAnswer, LimitQuestion } from './limit-answers.ts';
import { type BookEntry, type BookRule, LimitBook } from './limit-book.ts';
import type { LimitHost } from './limit-host.ts';
import { LimitReader } from './limit-reader.ts';

export type LimitScene = {
  readonly host: LimitHost | undefined;
  /** That serves. */
  readonly config: GatewayConfig | undefined;
  /** The same as it was read, before consumers were moved. */
  readonly base: GatewayConfig | undefined;
  readonly log: EventLog;
  /** Puts moves into force on all workers. Resolves with what went wrong. */
  replan(): Promise<readonly string[]>;
};

type Scene = {
  readonly host: LimitHost;
  readonly config: GatewayConfig;
  readonly base: GatewayConfig;
  readonly book: LimitBook;
  readonly reader: LimitReader;
  readonly log: EventLog;
  replan(): Promise<readonly string[]>;
};

/** What the admin listener has to say about limits, tiers and quotas. */
export async function answerAboutLimits(question: LimitQuestion, { host, config, base, log, replan }: LimitScene): Promise<LimitAnswer> {
  const tables = host?.tables;
  if (host === undefined || config === undefined || base === undefined || tables === undefined) return none('nothing is limited');
  const scene = { host, config, base, book: new LimitBook(config), reader: new LimitReader(tables, host.nowMs()), log, replan };
  switch (question.kind) {
    case 'overview':
      return ok(overview(scene));
    case 'look':
    case 'reset':
      return key(question.kind, question.about, scene);
    case 'consumer':
    case 'reset-consumer':
      return consumer(question.kind, question.about, scene);
    case 'move':
      return move(question.about, question.body, scene);
  }
}

function overview({ book, host }: Scene): object {
  const limits = book.entries().map((entry) => ({ ...placeOf(entry), ...describeRule(entry.rule) }));
  return { limits, keptOnDisk: host.isDurable, tables: host.figures };
}

/** One key of one limit: `limit`, `key` (once for each part of what it counts by, but for its route), and `route` where there are several of the name. */
function key(kind: 'look' | 'reset', about: URLSearchParams, { book, reader, log }: Scene): LimitAnswer {
  const name = about.get('limit');
  const words = about.getAll('key');
  if (name === null) return bad('which `limit`?');
  const asker = book.consumer(words[0] ?? '');
  const mine = asker === undefined ? [] : named(book.entriesOf(asker), name, about.get('route'));
  const found = mine.length > 0 ? mine : named(book.entries(), name, about.get('route'));
  const [entry, other] = found;
  if (entry === undefined) return none(`there is no limit ${name}${about.has('route') ? ' on this route' : ''}`);
  if (other !== undefined && entry.rule.kind !== 'quota')
    return bad(`which \`route\`? ${found.map(({ route }) => route).join(', ')} have a limit ${name} each`);
  const text = entry.rule.key.textOfWords(words);
  if (text === undefined) return bad(`\`key\` is wanted for each of ${keyWords(entry.rule).join(', ') || 'nothing'}`);
  if (kind === 'reset') {
    events.limitReset(log, { limit: name });
    return ok({ ...placeOf(entry), key: words, wasUsed: reader.reset(entry.rule, text) });
  }
  return ok({ ...placeOf(entry), key: words, ...describeRule(entry.rule), ...reader.read(entry.rule, text) });
}

function consumer(kind: 'consumer' | 'reset-consumer', about: URLSearchParams, scene: Scene): LimitAnswer {
  const { book, reader, log } = scene;
  const asker = book.consumer(about.get('name') ?? '');
  if (asker === undefined) return none('there is no such consumer');
  const rules = book.entriesOf(asker).filter(({ rule }) => rule.key.parts.length === 1 && rule.key.parts[0]?.kind === 'consumer');
  if (kind === 'reset-consumer') {
    for (const { rule } of rules) reader.reset(rule, asker.name);
    events.limitReset(log, { limit: `all of ${asker.name}` });
  }
  const limits = rules.map((entry) => ({ ...placeOf(entry), ...describeRule(entry.rule), ...reader.read(entry.rule, asker.name) }));
  return ok({ ...describeConsumer(asker, scene), limits });
}

async function move(about: URLSearchParams, body: unknown, scene: Scene): Promise<LimitAnswer> {
  const { book, config, host, replan } = scene;
  const asker = book.consumer(about.get('name') ?? '');
  if (asker === undefined) return none('there is no such consumer');
  const tier = property(body, 'tier');
  if (tier !== null && typeof tier !== 'string') return bad('the body must be {"tier": "NAME"}, or {"tier": null} for what is configured');
  if (tier !== null && !config.tiers.some(({ name }) => name === tier)) {
    return bad(`there is no tier ${tier}; there are ${config.tiers.map(({ name }) => name).join(', ')}`);
  }
  try {
    host.move(asker.name, tier ?? undefined);
  } catch (error) {
    return { kind: 'failed', problems: [`cannot be kept, and nothing has changed: ${summarizeError(error)}`] };
  }
  const problems = await replan();
  if (problems.length > 0) return { kind: 'failed', problems };
  const configured = configuredTier(scene, asker.name);
  return ok({ consumer: asker.name, tier: tier ?? configured ?? '', configuredTier: configured ?? '', keptOnDisk: host.isDurable });
}

/** '' = that of the route. */
function describeConsumer({ name, tier, config }: Asker, scene: Scene): object {
  const configured = configuredTier(scene, name) ?? '';
  const isMoved = scene.host.movedTo(name) !== undefined;
  return { consumer: name, tier, configuredTier: configured, isMoved, keys: config?.keys.length ?? 0, keptOnDisk: scene.host.isDurable };
}

function configuredTier({ base }: Scene, name: string): string | undefined {
  return base.consumers?.list.find((one) => one.name === name)?.tier;
}

function named(entries: readonly BookEntry[], name: string, route: string | null): readonly BookEntry[] {
  return entries.filter((entry) => entry.rule.config.name === name && (route === null || entry.route === route));
}

function placeOf({ route, tier, rule }: BookEntry): object {
  const isOfTier = rule.identity.startsWith('t:') || rule.kind === 'quota';
  return { limit: rule.config.name, ...(rule.identity.startsWith('r:') ? { route } : {}), ...(isOfTier ? { tier } : {}) };
}

/** What the configuration says of it. */
function describeRule(rule: BookRule): object {
  const by = keyWords(rule);
  const { config } = rule;
  if (rule.kind === 'concurrency') return { by, kind: 'concurrency', max: rule.config.max, action: config.action };
  if (rule.kind === 'quota') {
    return { by, kind: 'quota', amount: rule.config.amount, per: rule.config.per, timeZone: rule.config.timeZone, action: config.action };
  }
  const { amount, windowMs, burst, algorithm } = rule.config;
  return { by, kind: 'rate', amount, per: formatDuration(windowMs), burst, algorithm, action: config.action };
}

/** What a key has to be told for, in this order. */
function keyWords({ key: { parts } }: BookRule): readonly string[] {
  return parts.flatMap((part) => (part.kind === 'route' ? [] : [part.kind === 'header' ? `header ${part.name}` : part.kind]));
}

function ok(value: object): LimitAnswer {
  return { kind: 'ok', value };
}

function bad(problem: string): LimitAnswer {
  return { kind: 'bad', problems: [problem] };
}

function none(problem: string): LimitAnswer {
  return { kind: 'none', problems: [problem] };
}
