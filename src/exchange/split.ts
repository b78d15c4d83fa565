import { assert } from '../base/assert.ts';
import { never } from '../base/never.ts';
import type { SplitMatch, SplitPart } from '../config/balance-types.ts';
import type { HoldOn } from '../config/mirror-types.ts';
import { cookieIn } from '../http/cookies.ts';
import { Condition, valueHolds } from '../routing/value-match.ts';
import { RoundRobin } from '../upstream/balancer.ts';
import type { MirrorVerdict } from './mirror/verdict.ts';
import type { StoredEntry } from './stored-entry.ts';
import type { RequestFacts } from './request-facts.ts';

/** What a choice between the upstreams of a route looks at. */
export type SplitFacts = { readonly facts: Pick<RequestFacts, 'field'>; readonly refreshOf: Pick<StoredEntry, 'object'> | null };

type Override<Plan> = { readonly on: SplitMatch['on']; readonly condition: Condition; readonly plan: Plan };

/** In keys of answers: those of one upstream are not for who is sent to another. */
export function upstreamLine(upstream: string): string {
  return `\n@upstream=${Buffer.from(upstream, 'utf8').toString('latin1')}`;
}

/**
 * One route to several upstreams: a plan for each. Who asks for one by header or cookie gets it, the others are spread by weight, so that on
 * each worker every run of requests has its exact part.
 */
export class Split<Plan extends { readonly upstreamName: string }> {
  readonly plans: readonly Plan[];
  readonly #parts: readonly SplitPart[];
  readonly #overrides: readonly Override<Plan>[];
  #weighted: readonly Plan[] = [];
  #balancer = new RoundRobin([1]);

  /** `plans`: of each part, in their order. */
  constructor(parts: readonly SplitPart[], plans: readonly Plan[]) {
    assert(parts.length === plans.length && plans.length > 0, 'a split has a plan for each part');
    this.plans = plans;
    this.#parts = parts;
    this.#overrides = parts.flatMap(({ when }, at) => when.map((match) => overrideOf(match, plans[at])));
    this.setWeights(parts.map(({ weight }) => weight));
  }

  /** Parts that wait for a verdict, or have a bad one, get nothing from now on but what asks for them. */
  hold(verdictOf: (upstream: string) => MirrorVerdict): void {
    this.setWeights(this.#parts.map(({ upstream, weight, holdOn }) => (isHeld(holdOn, verdictOf(upstream)) ? 0 : weight)));
  }

  /** From now on. Whole numbers from 0, not all 0, in the order of the parts. */
  setWeights(weights: readonly number[]): void {
    this.#weighted = this.plans.filter((_, at) => (weights[at] ?? 0) > 0);
    assert(this.#weighted.length > 0, 'a split has a part with a weight');
    this.#balancer = new RoundRobin(weights.filter((weight) => weight > 0));
  }

  choose(request: SplitFacts): Plan {
    if (request.refreshOf !== null) return this.#ofEntry(request.refreshOf);
    return this.askedBy(request.facts) ?? this.#weightedAt(this.#balancer.pick());
  }

  /** The one that a request asks for; `undefined` = any. */
  askedBy(facts: SplitFacts['facts']): Plan | undefined {
    for (let i = 0; i < this.#overrides.length; i++) {
      const override = this.#overrides[i];
      if (override !== undefined && isAsked(override, facts)) return override.plan;
    }
    return undefined;
  }

  /** What is to be refreshed is asked of the upstream that gave it. */
  #ofEntry({ object }: Pick<StoredEntry, 'object'>): Plan {
    const key = `${object.key}\n`;
    return this.plans.find(({ upstreamName }) => key.includes(`${upstreamLine(upstreamName)}\n`)) ?? this.#weightedAt(0);
  }

  #weightedAt(at: number): Plan {
    const plan = this.#weighted[at];
    assert(plan !== undefined, 'the balancer picks one of the parts');
    return plan;
  }
}

function isHeld(holdOn: HoldOn, verdict: MirrorVerdict): boolean {
  return verdict === 'differs' ? holdOn !== 'never' : holdOn === 'not-same' && verdict !== 'same';
}

function overrideOf<Plan>({ on, name, match }: SplitMatch, plan: Plan | undefined): Override<Plan> {
  assert(plan !== undefined, 'a split has a plan for each part');
  // A condition looks at a value, whosever it is; only names of fields are alike in any case.
  return { on, condition: new Condition(on === 'header' ? 'header' : 'query', name, match), plan };
}

function isAsked({ on, condition }: Pick<Override<unknown>, 'on' | 'condition'>, facts: Pick<RequestFacts, 'field'>): boolean {
  switch (on) {
    case 'header':
      return valueHolds(condition, facts.field(condition.name));
    case 'cookie':
      return valueHolds(condition, cookieIn(facts.field('cookie') ?? '', condition.name));
    default:
      return never(on, 'isAsked');
  }
}
