import { DEFAULT_EXTRA_LOAD } from '../config/breaker-types.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { EXTRA_KINDS, type ExtraKind, ExtraLoadKeeper } from '../upstream/extra-load.ts';
import type { DrivenUpstream, UpstreamDriver } from './upstream-driver.ts';

type Totals = Record<ExtraKind, { taken: number; refused: number }>;

/** What may be asked of one upstream beside first attempts, from the coordinator's side. Every upstream that has state has one. */
export class ExtraLoadDriver implements UpstreamDriver {
  readonly #name: string;
  readonly #keeper: ExtraLoadKeeper;
  /** Counted in metrics already. */
  #carried: Totals;

  constructor({ config, memory, serviceSlot }: DrivenUpstream) {
    this.#name = config.name;
    this.#keeper = new ExtraLoadKeeper(memory, serviceSlot, config.extraLoad ?? DEFAULT_EXTRA_LOAD);
    this.#carried = this.#totals();
  }

  tick(nowMs: number): void {
    this.#keeper.tick(nowMs);
  }

  writeMetrics(writer: MetricsWriter): void {
    const upstream = this.#name;
    const totals = this.#totals();
    for (const kind of EXTRA_KINDS) {
      const labels = { upstream, kind };
      writer.add(writer.slot('sluice_extra_load_total', labels), totals[kind].taken - this.#carried[kind].taken);
      writer.add(writer.slot('sluice_extra_load_refused_total', labels), totals[kind].refused - this.#carried[kind].refused);
    }
    this.#carried = totals;
    writer.set(writer.slot('sluice_extra_load_allowance', { upstream }), this.#keeper.allowance);
  }

  snapshot(): { readonly upstream: object } {
    const { allowance, used } = this.#keeper;
    return { upstream: { extraLoad: { allowance, used } } };
  }

  stop(): void {
    this.#keeper.end();
  }

  #totals(): Totals {
    const of = (kind: ExtraKind): { taken: number; refused: number } => ({
      taken: this.#keeper.takenTotal(kind),
      refused: this.#keeper.refusedTotal(kind),
    });
    return { retry: of('retry'), hedge: of('hedge'), mirror: of('mirror'), revalidation: of('revalidation') };
  }
}
