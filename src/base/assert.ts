/** States an invariant. It stays on in production: a broken programme must stop, not go on with wrong state. */
export function assert(holds: boolean, invariant: string): asserts holds {
  if (!holds) throw new Error(`invariant broken: ${invariant}`);
}
