import { never } from '../base/never.ts';
import type { ValueMatch } from '../config/types.ts';
import { LinearRegex } from './linear-regex.ts';
import type { RouteQuery } from './query.ts';
import { queryValue } from './query-value.ts';

/** Longer values do not match a regular expression, whose time grows with the length of what it reads. */
export const MAX_REGEX_INPUT = 1024;

/** A condition on a header field or a query parameter, ready to be asked. One shape. */
export class Condition {
  readonly on: 'header' | 'query';
  /** Lower case for a header; for a query parameter its UTF-8 bytes as latin1. */
  readonly name: string;
  readonly kind: ValueMatch['kind'];
  /** For `exact` and `prefix`; as latin1, the form in which values arrive. */
  readonly value: string;
  readonly regex: LinearRegex | null;
  /** As the file has it, for messages. */
  readonly match: ValueMatch;

  constructor(on: 'header' | 'query', name: string, match: ValueMatch) {
    this.on = on;
    this.name = on === 'header' ? name.toLowerCase() : toLatin1(name);
    this.kind = match.kind;
    this.value = match.kind === 'exact' || match.kind === 'prefix' ? toLatin1(match.value) : '';
    this.regex = match.kind === 'regex' ? new LinearRegex(match.source) : null;
    this.match = match;
  }
}

/** UTF-8 bytes as one character each: how heads and decoded queries hold text. */
function toLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function conditionHolds(condition: Condition, query: RouteQuery): boolean {
  const value = condition.on === 'header' ? query.field(condition.name) : queryValue(query.queryText, condition.name);
  return valueHolds(condition, value);
}

/** `undefined`: the field or parameter is not there. */
export function valueHolds(condition: Condition, value: string | undefined): boolean {
  if (value === undefined) return condition.kind === 'absent';
  switch (condition.kind) {
    case 'present':
      return true;
    case 'absent':
      return false;
    case 'exact':
      return value === condition.value;
    case 'prefix':
      return value.startsWith(condition.value);
    case 'regex':
      return value.length <= MAX_REGEX_INPUT && condition.regex !== null && condition.regex.test(value);
    default:
      return never(condition.kind, 'valueHolds');
  }
}

/** For messages: `x-version is "2"`. */
export function describeCondition({ on, name, match }: Condition): string {
  return `${on} ${name} ${describeMatch(match)}`;
}

/** For messages: `is "2"`. */
export function describeMatch(match: ValueMatch): string {
  switch (match.kind) {
    case 'present':
      return 'is there';
    case 'absent':
      return 'is not there';
    case 'exact':
      return `is ${JSON.stringify(match.value)}`;
    case 'prefix':
      return `begins with ${JSON.stringify(match.value)}`;
    case 'regex':
      return `matches /${match.source}/`;
    default:
      return never(match, 'describeMatch');
  }
}
