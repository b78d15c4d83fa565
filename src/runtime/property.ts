/** A property of something from outside, whatever it is; `undefined` where it has none. */
export function property(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined;
}
