/** What was typed: words choose files, flags of ours have a value (`--repeat=20`), all other flags go to `node`. */
export type Words = {
  readonly chosen: readonly string[];
  readonly passed: readonly string[];
  /** The last one wins, so that a script's own can be overridden. */
  readonly valueOfFlag: (name: string) => string | undefined;
};

export function readWords(ours: readonly string[]): Words {
  const words = process.argv.slice(2);
  const isOurs = (word: string): boolean => ours.some((name) => word.startsWith(`--${name}=`));
  return {
    chosen: words.filter((word) => !word.startsWith('-')),
    passed: words.filter((word) => word.startsWith('-') && !isOurs(word)),
    valueOfFlag: (name) => words.findLast((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3),
  };
}
