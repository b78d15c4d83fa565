import type { EndpointConfig } from '../../config/types.ts';

export const MAX_ENDPOINTS = 1000;

export type KeptChange =
  | { readonly kind: 'changed'; readonly endpoints: readonly EndpointConfig[]; readonly added: number; readonly removed: number }
  /** Answers have begun to fail, or to be empty. */
  | { readonly kind: 'failing'; readonly reason: string }
  | { readonly kind: 'recovered' }
  /** They have for too long: there are no endpoints any more. */
  | { readonly kind: 'expired' };

/**
 * What discovery has found, kept over answers that fail or are empty, for `keepMs` at most. Order and repetition in an answer mean nothing. What is
 * there before the first good answer is somebody else's and does not expire.
 */
export class KeptSet {
  readonly #keepMs: number;
  #endpoints: readonly EndpointConfig[];
  #text: string;
  #hasAnswer = false;
  /** When the answers began to fail; -1 = the last one was good. */
  #failingMs = -1;
  #reason = '';
  #isExpired = false;

  constructor(keepMs: number, initial: readonly EndpointConfig[]) {
    this.#keepMs = keepMs;
    this.#endpoints = initial;
    this.#text = textOf(inOrder(initial));
  }

  get endpoints(): readonly EndpointConfig[] {
    return this.#endpoints;
  }

  /** Why the last answer was no good one; `''` = it was. */
  get problem(): string {
    return this.#failingMs < 0 ? '' : this.#reason;
  }

  onAnswer(answer: readonly EndpointConfig[], nowMs: number): KeptChange[] {
    if (answer.length === 0) return this.onProblem('the answer is empty', nowMs);
    const next = inOrder(answer);
    if (next.length > MAX_ENDPOINTS) return this.onProblem(`the answer has more than ${MAX_ENDPOINTS} endpoints`, nowMs);
    const recovered: KeptChange[] = this.#failingMs < 0 ? [] : [{ kind: 'recovered' }];
    this.#failingMs = -1;
    this.#isExpired = false;
    this.#hasAnswer = true;
    const text = textOf(next);
    if (text === this.#text) return recovered;
    const [before, after] = [keysOf(this.#endpoints), keysOf(next)];
    this.#text = text;
    this.#endpoints = next;
    const added = next.filter((endpoint) => !before.has(keyOf(endpoint))).length;
    return [...recovered, { kind: 'changed', endpoints: next, added, removed: Array.from(before).filter((key) => !after.has(key)).length }];
  }

  onProblem(reason: string, nowMs: number): KeptChange[] {
    const isNew = this.#failingMs < 0;
    if (isNew) this.#failingMs = nowMs;
    this.#reason = reason;
    return isNew ? [{ kind: 'failing', reason }] : [];
  }

  tick(nowMs: number): KeptChange[] {
    if (this.#failingMs < 0 || this.#isExpired || !this.#hasAnswer || nowMs - this.#failingMs < this.#keepMs) return [];
    this.#isExpired = true;
    this.#endpoints = [];
    this.#text = '[]';
    return [{ kind: 'expired' }];
  }
}

/** One of each place, the first that names it, in an order of their own. */
function inOrder(endpoints: readonly EndpointConfig[]): readonly EndpointConfig[] {
  const byKey = new Map<string, EndpointConfig>();
  for (const endpoint of endpoints) if (!byKey.has(keyOf(endpoint))) byKey.set(keyOf(endpoint), endpoint);
  return Array.from(byKey.keys())
    .sort()
    .flatMap((key) => byKey.get(key) ?? []);
}

/** What makes a difference: how an address is spelled does not. */
function textOf(endpoints: readonly EndpointConfig[]): string {
  return JSON.stringify(endpoints.map(({ host, port, weight, priority, zone }) => [host, port, weight, priority, zone]));
}

function keysOf(endpoints: readonly EndpointConfig[]): ReadonlySet<string> {
  return new Set(endpoints.map(keyOf));
}

function keyOf({ host, port }: EndpointConfig): string {
  return `${host} ${port}`;
}
