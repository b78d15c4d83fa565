/** The end of an exhaustive switch: the compiler refuses a case that was forgotten, and a value from outside is named. */
export function never(value: never, where: string): never {
  throw new Error(`${where}: unexpected ${String(value)}`);
}
