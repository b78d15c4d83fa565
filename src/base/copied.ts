/**
 * The same latin1 text in memory of its own. A part of a longer text is a view that keeps all of it: who remembers a word of a
 * request beyond the request would remember the whole head.
 */
export function copied(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('latin1');
}
