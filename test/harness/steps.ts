/**
 * Makes the atomic operations of real code into steps: the functions on the global `Atomics` are replaced by ones that ask a
 * gate first. What is plain between two atomic operations runs together with the first of them, except copies of bytes from
 * or to shared memory: each is cut in the middle by a step of its own, so that a copy can be overtaken halfway.
 *
 * The code under test must look `Atomics` up at call time. The harness itself uses `realAtomics`.
 */

/** `change` reads and writes (add, or, exchange …); `swap` is a compareExchange; `copy` is the middle of a copy of bytes; `plain` a plain store (steps-plain.ts). */
export const STEP_KINDS = ['load', 'store', 'change', 'swap', 'wait', 'wait-async', 'notify', 'copy', 'plain'] as const;
export type StepKind = (typeof STEP_KINDS)[number];

/** Any integer array over shared memory. */
export type Cells = Int32Array<ArrayBufferLike> | Uint8Array<ArrayBufferLike> | BigInt64Array<ArrayBufferLike>;
export type WaitEnd = 'ok' | 'not-equal' | 'timed-out';

/** Who decides about steps. `index` counts the elements of `cells`. */
export type StepGate = {
  /** Called before each step; may block, may throw (then the step does not happen). `expected` is given for a swap alone. */
  before(kind: StepKind, cells: Cells, index: number, expected?: number): void;
  /** Called in place of `Atomics.wait`, after `before`. */
  wait(cells: Cells, index: number, value: number, timeoutMs: number): WaitEnd;
  /** Called in place of `Atomics.waitAsync`, after `before`. */
  waitAsync(cells: Cells, index: number, value: number, timeoutMs: number): AsyncWait;
  /** Called in place of `Atomics.notify`, after `before`; the number of those woken. */
  notify(cells: Cells, index: number, count: number): number;
};

export type AsyncWait = { async: false; value: 'not-equal' | 'timed-out' } | { async: true; value: Promise<'ok' | 'timed-out'> };

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
const NAMES = ['load', 'store', 'add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange', 'wait', 'waitAsync', 'notify'] as const;

/** The functions as they were before any replacement. */
export const realAtomics = Object.freeze({
  load: Atomics.load,
  store: Atomics.store,
  add: Atomics.add,
  compareExchange: Atomics.compareExchange,
  wait: Atomics.wait,
  waitAsync: Atomics.waitAsync,
  notify: Atomics.notify,
});

/** Leaves waits and wake-ups as they are: for runs on one thread. */
export function gateOf(before: StepGate['before']): StepGate {
  return {
    before,
    wait: (cells, index, value, timeoutMs) => realAtomics.wait(cells as Int32Array, index, value, timeoutMs),
    waitAsync: (cells, index, value, timeoutMs) => realAtomics.waitAsync(cells as Int32Array, index, value, timeoutMs) as AsyncWait,
    notify: (cells, index, count) => realAtomics.notify(cells as Int32Array, index, count),
  };
}

/** Where plain stores go is not known: they are reported as of this cell. */
const PLAIN = new Int32Array(1);

/** Puts `gate` before every step of this thread. The answer undoes it. */
export function interceptSteps(gate: StepGate): () => void {
  const undo = [
    ...NAMES.map((name) => replace(Atomics, name, (real) => stepped(name, real, gate))),
    ...interceptCopies(gate),
    replace(globalThis, 'plainStep', () => () => gate.before('plain', PLAIN, 0)),
  ];
  return () => {
    for (const restore of undo) restore();
  };
}

function replace(holder: object, name: string, make: (real: AnyFunction) => AnyFunction): () => void {
  const before = Object.getOwnPropertyDescriptor(holder, name);
  const real: AnyFunction = Reflect.get(holder, name);
  Object.defineProperty(holder, name, { configurable: true, writable: true, value: make(real) });
  return () => {
    if (before === undefined) Reflect.deleteProperty(holder, name);
    else Object.defineProperty(holder, name, before);
  };
}

function stepped(name: (typeof NAMES)[number], real: AnyFunction, gate: StepGate): AnyFunction {
  const forever = (timeoutMs: unknown): number => (timeoutMs === undefined ? Number.POSITIVE_INFINITY : Number(timeoutMs));
  if (name === 'compareExchange') {
    return (cells, index, expected, wanted) => {
      gate.before('swap', cells as Cells, index as number, Number(expected));
      return real(cells, index, expected, wanted);
    };
  }
  if (name === 'wait' || name === 'waitAsync') {
    const kind = name === 'wait' ? 'wait' : 'wait-async';
    return (cells, index, value, timeoutMs) => {
      gate.before(kind, cells as Cells, index as number);
      return gate[name](cells as Cells, index as number, Number(value), forever(timeoutMs));
    };
  }
  if (name === 'notify') {
    return (cells, index, count) => {
      gate.before('notify', cells as Cells, index as number);
      return gate.notify(cells as Cells, index as number, forever(count));
    };
  }
  const kind = name === 'load' || name === 'store' ? name : 'change';
  return (cells, index, ...rest) => {
    gate.before(kind, cells as Cells, index as number);
    return real(cells, index, ...rest);
  };
}

function isShared(bytes: unknown): bytes is Uint8Array<SharedArrayBuffer> {
  return ArrayBuffer.isView(bytes) && bytes.buffer instanceof SharedArrayBuffer;
}

function interceptCopies(gate: StepGate): readonly (() => void)[] {
  const middle = (bytes: Uint8Array, at: number): void => gate.before('copy', bytes, at);
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
  return [
    replace(typedArray, 'set', (real) => {
      return function set(this: unknown, source: unknown, offset: unknown = 0): unknown {
        const from = isShared(source) || isShared(this) ? source : undefined;
        if (!(from instanceof Uint8Array) || from.length < 2) return real.call(this, source, offset);
        const half = from.length >> 1;
        real.call(this, from.subarray(0, half), offset);
        middle(isShared(this) ? this : from, Number(offset) + half);
        return real.call(this, from.subarray(half), Number(offset) + half);
      };
    }),
    replace(Buffer.prototype, 'copy', (real) => {
      return function copy(this: unknown, ...args: unknown[]): unknown {
        const [target, targetStart = 0, start = 0, end = (this as Buffer).length] = args as [Buffer, number?, number?, number?];
        const half = (end - start) >> 1;
        if (half < 1 || !(isShared(this) || isShared(target))) return real.apply(this, args);
        const first = real.call(this, target, targetStart, start, start + half) as number;
        middle(isShared(target) ? target : (this as Buffer), targetStart + half);
        return first + (real.call(this, target, targetStart + half, start + half, end) as number);
      };
    }),
    replace(Buffer.prototype, 'latin1Slice', (real) => {
      return function latin1Slice(this: unknown, ...args: unknown[]): unknown {
        const [start = 0, end = (this as Buffer).length] = args as [number?, number?];
        const half = (end - start) >> 1;
        if (half < 1 || !isShared(this)) return real.apply(this, args);
        const first = real.call(this, start, start + half) as string;
        middle(this, start + half);
        return first + (real.call(this, start + half, end) as string);
      };
    }),
    replace(Buffer.prototype, 'latin1Write', (real) => {
      return function latin1Write(this: unknown, ...args: unknown[]): unknown {
        const [text, offset = 0, length = (this as Buffer).length - offset] = args as [string, number?, number?];
        const half = Math.min(text.length, length) >> 1;
        if (half < 1 || !isShared(this)) return real.apply(this, args);
        const first = real.call(this, text.slice(0, half), offset, half) as number;
        middle(this, offset + half);
        return first + (real.call(this, text.slice(half), offset + half, length - half) as number);
      };
    }),
  ];
}
