const OWN_CODE = new URL('../', import.meta.url).href;

/** Text of anything that was thrown, with the stack where there is one. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
}

/** One line of it, for people. */
export function summarizeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * True for an exception whose stack shows frames, and none of our own: a timer or event handler that a user's filter left
 * behind threw it. It has not passed through Sluice, so nothing of ours can be half done, and the worker goes on.
 */
export function isOutsideFault(error: unknown): boolean {
  const stack = error instanceof Error ? error.stack : undefined;
  return stack?.includes('\n    at ') === true && !stack.includes(OWN_CODE);
}
