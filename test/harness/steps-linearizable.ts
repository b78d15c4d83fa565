import type { NotedCall } from './steps-case.ts';

/**
 * A sequential reference. `apply` gives the states that the call may lead to with the result it gave; none: it cannot have
 * given that. A call whose participant died in it has `end` Infinity and no result: it may have taken effect, or not.
 */
export type Reference<State> = {
  readonly initial: State;
  readonly apply: (state: State, call: NotedCall) => readonly State[];
};

/**
 * Is there an order of the calls that keeps every call between its begin and its end, and that the reference can have gone
 * through (Herlihy and Wing 1990)? Tries them all: for a dozen calls at most.
 */
export function isLinearizable<State>(calls: readonly NotedCall[], reference: Reference<State>): boolean {
  return canFinish([...calls], reference.initial, reference);
}

function canFinish<State>(left: readonly NotedCall[], state: State, reference: Reference<State>): boolean {
  if (left.every(isUnfinished)) return true;
  const firstEnd = Math.min(...left.map((call) => call.end));
  return left.some((call) => {
    // A call that another one's end precedes cannot come before that one.
    if (call.begin > firstEnd) return false;
    const rest = left.filter((other) => other !== call);
    if (isUnfinished(call) && canFinish(rest, state, reference)) return true;
    return reference.apply(state, call).some((next) => canFinish(rest, next, reference));
  });
}

function isUnfinished(call: NotedCall): boolean {
  return call.end === Number.POSITIVE_INFINITY;
}

/** The calls as lines, for a message. */
export function printCalls(calls: readonly NotedCall[]): string {
  return [...calls]
    .sort((a, b) => a.begin - b.begin)
    .map(
      (call) =>
        `${call.begin}–${call.end} ${call.who}: ${call.name}(${JSON.stringify(call.args).slice(1, -1)}) = ${JSON.stringify(call.result)}`,
    )
    .join('; ');
}
