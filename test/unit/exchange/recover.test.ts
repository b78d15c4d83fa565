import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURE_RULES, ruleOf } from '../../../src/exchange/failures.ts';
import { recover, type RecoveryFacts } from '../../../src/exchange/recover.ts';
import type { FailureKind, FailureStage, UpstreamFailure } from '../../../src/upstream/failure.ts';

const STAGES: readonly FailureStage[] = ['queued', 'sent', 'head', 'body'];
const BOTH = [false, true];
const FRESH: RecoveryFacts = { isAnswered: false, isIdempotent: true, isBodySpent: false, attempts: 1 };

function fail(kind: FailureKind, stage: FailureStage, isReused: boolean): UpstreamFailure {
  return { kind, stage, isReused, detail: '' };
}

/** Every combination of what a failure and an exchange can be. */
function forEachCase(check: (failure: UpstreamFailure, facts: RecoveryFacts) => void): void {
  for (const [kind] of FAILURE_RULES)
    for (const stage of STAGES)
      for (const isReused of BOTH)
        for (const isIdempotent of BOTH)
          for (const isBodySpent of BOTH)
            for (const isAnswered of BOTH)
              for (const attempts of [1, 2, 3, 4, 5])
                check(fail(kind, stage, isReused), { isAnswered, isIdempotent, isBodySpent, attempts });
}

/** The rows that retry, in words; all else answers, or cuts where an answer has begun. */
const RETRIES: readonly (readonly [
  why: string,
  kinds: readonly FailureKind[],
  when: (failure: UpstreamFailure, facts: RecoveryFacts) => boolean,
  reason: 'unsent' | 'stale',
])[] = [
  [
    'no connection came about: nothing was sent, so anybody may be asked (RFC 9110 9.2.2)',
    ['connect-refused', 'connect-timeout', 'connect-failed', 'dns-failed', 'pool-closed', 'reset'],
    ({ stage, isReused }, { attempts }) => stage === 'queued' && !isReused && attempts < 2,
    'unsent',
  ],
  [
    'it waited in a pipeline behind the answer that broke it (RFC 9112 9.3.2)',
    ['connect-refused', 'connect-timeout', 'connect-failed', 'dns-failed', 'pool-closed', 'reset'],
    ({ stage, isReused }, { attempts }) => stage === 'queued' && isReused && attempts < 4,
    'stale',
  ],
  [
    'an idempotent request met a connection that the origin was closing (RFC 9112 9.3.1)',
    ['reset'],
    ({ stage, isReused }, { attempts, isIdempotent }) => stage === 'sent' && isReused && isIdempotent && attempts < 2,
    'stale',
  ],
];

test('an answer that has begun is cut whatever happens, and the rule of the failure goes along', () => {
  forEachCase((failure, facts) => {
    if (facts.isAnswered) assert.deepEqual(recover(failure, facts), { kind: 'cut', rule: ruleOf(failure) });
    else assert.notEqual(recover(failure, facts).kind, 'cut');
  });
});

test('a request is sent again exactly where the table of reasons says so', () => {
  let retries = 0;
  forEachCase((failure, facts) => {
    if (facts.isAnswered) return;
    const row = facts.isBodySpent ? undefined : RETRIES.find(([, kinds, when]) => kinds.includes(failure.kind) && when(failure, facts));
    const expected = row === undefined ? { kind: 'answer', rule: ruleOf(failure) } : { kind: 'retry', reason: row[3] };
    assert.deepEqual(recover(failure, facts), expected, JSON.stringify({ failure, facts }));
    if (row !== undefined) retries++;
  });
  assert.ok(retries > 0);
});

test('nothing is sent again once a byte of an answer, or of the request body, has moved', () => {
  forEachCase((failure, facts) => {
    const isMoved = failure.stage === 'head' || failure.stage === 'body' || facts.isBodySpent;
    if (isMoved) assert.notEqual(recover(failure, facts).kind, 'retry');
  });
});

test('every chain of retries ends', () => {
  forEachCase((failure, facts) => {
    if (facts.attempts >= 4) assert.notEqual(recover(failure, facts).kind, 'retry');
  });
});

for (const [method, isIdempotent, expected] of [
  ['GET', true, 'retry'],
  ['POST', false, 'answer'],
] as const) {
  test(`${method} on a reused connection that the origin closed: ${expected}`, () => {
    assert.equal(recover(fail('reset', 'sent', true), { ...FRESH, isIdempotent }).kind, expected);
    assert.equal(recover(fail('reset', 'sent', false), { ...FRESH, isIdempotent }).kind, 'answer');
  });
}
