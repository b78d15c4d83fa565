/** Reports what a detached promise failed with. Set once at boot by `runtime`; until then standard error. */
export type DetachReport = (where: string, error: unknown) => void;

/** Lets a promise go that nobody awaits, without losing its failure (STYLE 19). */
export function detach(promise: PromiseLike<unknown>, where: string, report: DetachReport): void {
  promise.then(undefined, (error: unknown) => report(where, error));
}
