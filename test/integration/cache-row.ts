/**
 * The row format of the cache conformance tests. Rows are data: what the client sends, what the origin answers, what each side
 * must see. Ids and expectations of the public rows are those of the http-tests/cache-tests project, so that results compare.
 *
 * Field lines are written as on the wire, `Name: value`. In Date, Expires, Last-Modified and If-Modified-Since `@-3000` stands
 * for a time so many seconds from the origin's clock at that answer (in a request: at the answer to the step before); `@@-3000`
 * is the same in the obsolete RFC 850 form. `{base}` stands for the path of the request, `{key}` for a name
 * that is the row's own.
 */

/** `required`: a MUST. `optimal`: an optimisation that Sluice has. `check`: free by the RFC; `Row.ours` tells what Sluice does. */
export type Kind = 'required' | 'optimal' | 'check';

/** `validated`: the origin was asked with that condition and answered 304; the body is the stored one. */
export type Expected = 'cached' | 'not_cached' | 'etag_validated' | 'lm_validated';

export type Interim = { readonly status: number; readonly fields?: readonly string[] };

export type Step = {
  /** Default GET. */
  readonly method?: string;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Appended to the path of the row, after a slash. */
  readonly file?: string;
  readonly query?: string;
  /** Field lines of the request. */
  readonly send?: readonly string[];
  readonly body?: string;

  /** What the origin answers to this step if it is asked; default 200. */
  readonly status?: readonly [code: number, reason: string];
  /** Field lines of the origin's answer. Where the answer crosses, the client must get them so, but those with a leading `~`. */
  readonly reply?: readonly string[];
  /** Body of the origin's answer; default: a text of 36 bytes that is the row's own. */
  readonly content?: string;
  readonly interim?: readonly Interim[];
  /** The body comes in chunks of up to 10 bytes. */
  readonly isChunked?: true;
  /** The origin closes without an answer. */
  readonly drops?: true;
  /** The origin thinks before it answers. */
  readonly thinksSec?: number;
  /** The origin closes after the answer. */
  readonly closes?: true;

  readonly expect?: Expected;
  /** The origin is asked although the answer is `cached`: a refresh, a failed attempt. */
  readonly asks?: true;
  /** Status that the client must get; default the origin's. `any` where the RFC leaves it free. */
  readonly gets?: number | 'any';
  /** `Name`, `Name: value` or `Name > number`, of the client's answer. */
  readonly has?: readonly string[];
  /** `Name` or `Name: value`, not in the client's answer. */
  readonly lacks?: readonly string[];
  /** What Cache-Status must say. */
  readonly tells?: RegExp;
  /** The client's body; default what the origin sent (or had sent). */
  readonly text?: string | 'any';
  readonly getsInterim?: readonly Interim[];
  /** `Name` or `Name: value`, of the request as the origin saw it. */
  readonly sees?: readonly string[];
  readonly seesNot?: readonly string[];
  readonly seesMethod?: string;

  /** Three seconds pass before the next step. */
  readonly waits?: true;
};

export type Row = {
  readonly id: string;
  readonly kind: Kind;
  readonly steps: readonly Step[];
  /** Of a `check`: whether Sluice does as the steps say; default yes. */
  readonly ours?: 'yes' | 'no';
};

/** A fresh answer, and three seconds after it. */
export function fresh(more: Step = {}): Step {
  return { waits: true, ...more, reply: ['Cache-Control: max-age=100000', 'Date: @0', ...(more.reply ?? [])] };
}

/** An answer that is stale as it comes. */
export function stale(more: Step = {}): Step {
  return { waits: true, ...more, reply: ['Expires: @-5000', 'Last-Modified: @-100000', 'Date: @0', ...(more.reply ?? [])] };
}

/** An answer that is stale by the next step. */
export function becomesStale(more: Step = {}): Step {
  return { waits: true, ...more, reply: ['Cache-Control: max-age=2', 'Date: @0', 'Template-A: 1', ...(more.reply ?? [])] };
}

/** The origin's answer with these lines, then the same request `now` or `later` (three seconds on) and what is expected of it. */
export function reuse(id: string, kind: Kind, lines: readonly string[], expect: Expected, when: 'now' | 'later' = 'later'): Row {
  const first: Step = when === 'later' ? { reply: lines, waits: true } : { reply: lines };
  return { id, kind, steps: [first, { expect }] };
}

/** A check that Sluice answers with no. */
export function not(row: Row): Row {
  return { ...row, ours: 'no' };
}
