/**
 * How long to wait before something that died is started again. The first death costs nothing; each further one within
 * `CALM_MS` of its start doubles the wait, up to a bound; one that lived longer than that begins anew.
 */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 10_000;
const CALM_MS = 30_000;

export class BackOff {
  #quickDeaths = 0;

  /** `livedMs`: from its start to its death. Returns the wait in ms. */
  afterDeath(livedMs: number): number {
    if (livedMs >= CALM_MS) this.#quickDeaths = 0;
    const delayMs = this.#quickDeaths === 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#quickDeaths - 1));
    this.#quickDeaths++;
    return delayMs;
  }
}
