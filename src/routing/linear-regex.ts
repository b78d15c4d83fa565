import { never } from '../base/never.ts';
import { parseRegex, type RegexNode } from './regex-syntax.ts';

/** States of one expression: its cost a byte. More are refused at load. */
const MAX_STATES = 1000;

const SET = 0;
const SPLIT = 1;
const BEGIN = 2;
const END = 3;
const DONE = 4;

/** `next` and `other` are places in the programme; `other` is used by SPLIT alone, `set` by SET alone. */
type Step = { op: number; next: number; other: number; readonly set: Uint8Array };
const NO_SET = new Uint8Array(0);

/**
 * A regular expression whose time is the product of its own length and that of the text, whatever they are: all states are
 * followed at once (Thompson's construction), nothing is tried again. A route's condition is asked with text that a client
 * made up, and JavaScript's own `RegExp` can be held for minutes by thirty letters.
 */
export class LinearRegex {
  readonly source: string;
  readonly #steps: readonly Step[];
  #current: Int32Array;
  #following: Int32Array;
  /** The generation in which a state was last added. */
  readonly #marks: Uint32Array;
  readonly #stack: Int32Array;
  #generation = 0;

  /** Throws a `SyntaxError` for what `parseRegex` refuses, and for an expression too large. */
  constructor(source: string) {
    this.source = source;
    this.#steps = compile(parseRegex(source));
    const { length } = this.#steps;
    this.#current = new Int32Array(length);
    this.#following = new Int32Array(length);
    this.#marks = new Uint32Array(length);
    // A state is pushed at most once by each of the two ways into it.
    this.#stack = new Int32Array(length * 2 + 2);
  }

  /** Whether it matches anywhere in the text (latin1); `^` and `$` hold it to the ends. */
  test(text: string): boolean {
    let count = 0;
    for (let at = 0; ; at++) {
      // A match may begin here, too. The states that came this far are marked with this generation already.
      if (at === 0) this.#turn();
      count = this.#add(this.#current, count, 0, at, text.length);
      if (count < 0) return true;
      if (at === text.length) return false;
      this.#turn();
      count = this.#advance(count, text.charCodeAt(at), at + 1, text.length);
      if (count < 0) return true;
    }
  }

  /** Follows one byte; the number of states after it, or -1 when one of them is the end. */
  #advance(count: number, code: number, at: number, length: number): number {
    let added = 0;
    for (let i = 0; i < count; i++) {
      const step = this.#steps[this.#current[i] ?? 0];
      if (step === undefined || step.set[code] !== 1) continue;
      added = this.#add(this.#following, added, step.next, at, length);
      if (added < 0) return -1;
    }
    const spent = this.#current;
    this.#current = this.#following;
    this.#following = spent;
    return added;
  }

  #turn(): void {
    this.#generation++;
    if (this.#generation <= 0xffffffff) return;
    this.#generation = 1;
    this.#marks.fill(0);
  }

  /** Adds a state and all that it leads to without a byte; the number of states then, or -1 at the end of the expression. */
  #add(states: Int32Array, count: number, first: number, at: number, length: number): number {
    let size = count;
    let top = 0;
    this.#stack[top++] = first;
    while (top > 0) {
      const place = this.#stack[--top] ?? 0;
      const step = this.#steps[place];
      if (step === undefined || this.#marks[place] === this.#generation) continue;
      this.#marks[place] = this.#generation;
      if (step.op === DONE) return -1;
      if (step.op === SET) states[size++] = place;
      else if (step.op === SPLIT) {
        this.#stack[top++] = step.next;
        this.#stack[top++] = step.other;
      } else if (step.op === BEGIN ? at === 0 : at === length) this.#stack[top++] = step.next;
    }
    return size;
  }
}

function compile(root: RegexNode): readonly Step[] {
  const steps: Step[] = [];
  emit(root, steps);
  push(steps, DONE);
  return steps;
}

/** Appends a step that goes on to the one after it. */
function push(steps: Step[], op: number, set: Uint8Array = NO_SET): Step {
  if (steps.length >= MAX_STATES)
    throw new SyntaxError(`regular expression: too large, counts multiply what they stand on (over ${MAX_STATES} states)`);
  const step = { op, next: steps.length + 1, other: 0, set };
  steps.push(step);
  return step;
}

/** Appends what matches `node`; it begins where it was appended and leads to the step after its last. */
function emit(node: RegexNode, steps: Step[]): void {
  switch (node.kind) {
    case 'set':
      push(steps, SET, node.set);
      return;
    case 'begin':
      push(steps, BEGIN);
      return;
    case 'end':
      push(steps, END);
      return;
    case 'sequence':
      for (const part of node.parts) emit(part, steps);
      return;
    case 'choice':
      emitChoice(node.options, steps);
      return;
    case 'repeat':
      emitRepeat(node, steps);
      return;
    default:
      never(node, 'emit');
  }
}

/** split → first, jump to the end; second … A jump is a split whose two ways are one. */
function emitChoice(options: readonly RegexNode[], steps: Step[]): void {
  const jumps: Step[] = [];
  for (const [i, option] of options.entries()) {
    if (i === options.length - 1) {
      emit(option, steps);
      break;
    }
    const split = push(steps, SPLIT);
    emit(option, steps);
    jumps.push(push(steps, SPLIT));
    split.other = steps.length;
  }
  for (const jump of jumps) {
    jump.next = steps.length;
    jump.other = steps.length;
  }
}

function emitRepeat(node: Extract<RegexNode, { kind: 'repeat' }>, steps: Step[]): void {
  for (let i = 0; i < node.min; i++) emit(node.node, steps);
  if (node.max === Number.POSITIVE_INFINITY) {
    const split = push(steps, SPLIT);
    const place = steps.length - 1;
    emit(node.node, steps);
    const back = push(steps, SPLIT);
    back.next = place;
    back.other = place;
    split.other = steps.length;
    return;
  }
  const splits: Step[] = [];
  for (let i = node.min; i < node.max; i++) {
    splits.push(push(steps, SPLIT));
    emit(node.node, steps);
  }
  for (const split of splits) split.other = steps.length;
}
