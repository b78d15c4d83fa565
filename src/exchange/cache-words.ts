import { currentAgeSec } from '../cache/freshness.ts';
import { CacheStatusFacts, cacheStatusLine } from '../http/cache-status.ts';
import { removeFromBlock } from '../http/fields.ts';
import { resumeLines } from './cache-resume.ts';
import type { CacheRun } from './cache-run.ts';
import type { EntryView } from './entry-view.ts';
import type { Exchange } from './exchange.ts';

/** What a `CacheRun` says to the origin and to the client. */

/** Fields by which a client asks about what it has; left out where the cache answers them itself. */
const STRIPPED = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range'];
const facts = new CacheStatusFacts();

/** The head for the upstream: without what the cache answers itself, with what it asks. */
export function adaptedHead({ decision, resume }: CacheRun, built: string): string {
  const isStripped = decision.isStripped || resume !== null;
  const addedLines = resume === null ? decision.addedLines : resumeLines(resume);
  if (!isStripped && addedLines === '') return built;
  const fieldsAt = built.indexOf('\r\n') + 2;
  let block = built.slice(fieldsAt, -2);
  if (isStripped) for (const name of STRIPPED) block = removeFromBlock(block, name);
  return `${built.slice(0, fieldsAt)}${block}${addedLines}\r\n`;
}

/** `Cache-Status` of this answer. */
export function statusLine(run: CacheRun, isHit: boolean): string {
  const { decision } = run;
  facts.isHit = isHit;
  facts.forward = isHit || decision.kind === 'refuse' ? '' : decision.reason;
  facts.forwardStatus = run.forwardStatus;
  facts.ttlSec = decision.kind === 'serve' ? decision.ttlSec : Number.NaN;
  facts.isStored = run.fill !== null;
  facts.isCollapsed = false;
  return finished(run);
}

/** `Age` and `Cache-Status` of one who follows another one's request. */
export function followerLines(run: CacheRun, entry: EntryView): string {
  return `Age: ${currentAgeSec(entry.numbers, run.hostMs)}\r\n${collapsedLine(run)}`;
}

/** `Cache-Status` of one who has another one's answer, whose `Age` that brings. */
export function collapsedLine(run: CacheRun): string {
  turnBlank();
  facts.forward = run.collapsedReason ?? run.decision.reason;
  facts.isCollapsed = true;
  return finished(run);
}

/**
 * `Cache-Status` of an answer that no `CacheRun` has brought. `bare`: the cache was not asked, nor was anybody else. `method`: the request went on,
 * since its method is none for a cache. `replay`: an answer that was kept with an idempotency key.
 */
export function lineBeside({ gateway, plan }: Exchange, how: 'bare' | 'method' | 'replay'): string {
  if (plan === null || plan.cache === null) return '';
  turnBlank();
  facts.isHit = how === 'replay';
  facts.forward = how === 'method' ? 'method' : '';
  facts.key = '';
  facts.detail = how === 'replay' ? 'idempotency-key' : '';
  return cacheStatusLine(gateway.serverName, facts);
}

function turnBlank(): void {
  facts.isHit = false;
  facts.forward = '';
  facts.forwardStatus = 0;
  facts.ttlSec = Number.NaN;
  facts.isStored = false;
  facts.isCollapsed = false;
}

function finished({ cache, request, exchange }: CacheRun): string {
  facts.key = cache.policy.config.debug ? request.key : '';
  facts.detail = '';
  return cacheStatusLine(exchange.gateway.serverName, facts);
}
