import { makeNumbers, type Numbers } from '../base/numbers.ts';
import { N_EPOCH, N_USELESS_AFTER } from '../cache/numbers.ts';
import { fieldValue, valueInBlock } from '../http/fields.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { FailureKind } from '../upstream/failure.ts';
import type { FillingObject } from '../shm/filling-object.ts';
import type { Ticket } from '../shm/flight-ticket.ts';
import { IDEMPOTENT_METHODS } from '../http/methods.ts';
import type { Exchange } from './exchange.ts';
import { FAILURE_RULES, type FailureRule } from './failures.ts';
import { clientBlock } from './messages.ts';
import { varyingPairs } from './sharing-key.ts';
import type { SharingPlan } from './sharing-plan.ts';

/** What one request gets for all, as it stands in shared memory: meta and numbers of an object of the store. */

/** After its begin, should whoever has it forget it (`ShortLived`): longer than anybody waits. */
const LIFE_BEYOND_WAIT_MS = 5000;
/** Whose answer it is: slot and generation of the flight. */
const N_SLOT = 1;
const N_GENERATION = 2;
/** Of the body; -1: not known. */
const N_LENGTH = 3;
/** See `ClientPort.writeHead`. */
const N_LENGTH_WHEN_NONE = 4;
const SEPARATOR = '\0';
const ANSWER = 'A';
const FAILURE = 'F';
const WITHHELD = 'W';
/** They are said of a connection or of an address, which is this client's (RFC 9110, 6585, 8470). */
const PERSONAL = new Set([407, 408, 421, 425, 429]);
/** They end when somebody leaves: nobody can wait for the whole of them. */
const ENDLESS = /^(?:text\/event-stream|multipart\/x-mixed-replace)/i;

export type SharedAnswer =
  | {
      readonly kind: 'answer';
      readonly statusText: string;
      /** The client's field lines. */
      readonly block: string;
      /** For `isSelected`. */
      readonly vary: readonly string[];
      /** -1: not known before it is whole. */
      readonly bodyLength: number;
      readonly lengthWhenNone: number;
    }
  | { readonly kind: 'failure'; readonly failure: FailureKind; readonly rule: FailureRule }
  /** There is one, for the client that asked first alone, and it has not ended yet. */
  | { readonly kind: 'withheld' };

export type SharedHead = { readonly meta: string; readonly numbers: Numbers };

/** Of an answer that others may have; `undefined`: it is for this request alone. */
export function sharedHead(exchange: Exchange, sharing: SharingPlan, head: ResponseHead, bodyLength: number): SharedHead | undefined {
  const { plan } = exchange;
  const { config } = sharing;
  if (plan === null || bodyLength > config.maxAnswerBytes) return undefined;
  // What must not run twice is told so all the same.
  if (PERSONAL.has(head.status) && IDEMPOTENT_METHODS.has(exchange.facts.method)) return undefined;
  if (bodyLength < 0 && ENDLESS.test(fieldValue(head, 'content-type') ?? '')) return undefined;
  const vary = varyingPairs(fieldValue(head, 'vary'), exchange, sharing);
  if (vary[0] === '*') return undefined;
  const block = clientBlock(exchange, plan, head);
  if (!config.sharesSetCookie && valueInBlock(block, 'set-cookie') !== undefined) return undefined;
  const numbers = makeNumbers();
  numbers[N_LENGTH] = bodyLength;
  numbers[N_LENGTH_WHEN_NONE] = head.status === 304 || exchange.facts.method === 'HEAD' ? head.contentLength : -1;
  return { meta: `${ANSWER}\n${head.statusText}\n${vary.join(SEPARATOR)}\n${block}`, numbers };
}

/** That there is no answer, and why. */
export function sharedFailure(kind: FailureKind): SharedHead {
  return { meta: `${FAILURE}\n${kind}`, numbers: makeNumbers() };
}

/** That the answer is for nobody else. */
export function sharedNothing(): SharedHead {
  return { meta: WITHHELD, numbers: makeNumbers() };
}

/** Says whose it is, and when at the latest nobody comes for it any more. */
export function stamp(numbers: Numbers, ticket: Ticket, at: { hostMs: number; maxWaitMs: number; sequence: number }): void {
  numbers[N_USELESS_AFTER] = at.hostMs + at.maxWaitMs + LIFE_BEYOND_WAIT_MS;
  numbers[N_SLOT] = ticket.slot;
  numbers[N_GENERATION] = ticket.generation;
  numbers[N_EPOCH] = at.sequence;
}

/** An answer of one flight is nobody's who waited in another. */
export function isOf(numbers: Numbers, ticket: Ticket): boolean {
  return numbers[N_SLOT] === ticket.slot && numbers[N_GENERATION] === ticket.generation;
}

/** `undefined`: it was written by another version. */
export function readShared({ meta, numbers }: FillingObject): SharedAnswer | undefined {
  const [kind = '', first = '', vary = ''] = meta.split('\n', 3);
  if (kind === FAILURE) {
    const [failure, rule] = FAILURE_RULES.find(([known]) => known === first) ?? [];
    return failure === undefined || rule === undefined ? undefined : { kind: 'failure', failure, rule };
  }
  if (kind === WITHHELD) return { kind: 'withheld' };
  if (kind !== ANSWER) return undefined;
  return {
    kind: 'answer',
    statusText: first,
    block: meta.slice(kind.length + first.length + vary.length + 3),
    vary: vary === '' ? [] : vary.split(SEPARATOR),
    bodyLength: numbers[N_LENGTH] ?? -1,
    lengthWhenNone: numbers[N_LENGTH_WHEN_NONE] ?? -1,
  };
}
