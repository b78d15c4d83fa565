import { LoopClock } from '../base/clock.ts';
import type { AdaptiveConfig, GatewayConfig } from '../config/types.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { CounterBlocks } from '../shm/counters.ts';
import { clearWorker, createAdaptiveCells, MAX_ADAPTIVE_PLACES } from '../upstream/adaptive-cells.ts';
import { AdaptiveRegulator } from '../upstream/adaptive-regulator.ts';
import type { AdaptiveSegment } from './messages.ts';

const TICK_MS = 50;

type Regulated = { readonly settings: string; readonly regulator: AdaptiveRegulator };

/** The adaptive limits of all upstreams, from the coordinator's side: one regulator for each, for all workers. Costs nothing where none is configured. */
export class AdaptiveHost {
  readonly #workers: number;
  readonly #clock = new LoopClock();
  readonly #places = new Map<string, number>();
  readonly #regulated = new Map<string, Regulated>();
  #cells: CounterBlocks | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `slots`: how many workers may ever live at once. */
  constructor(slots: number) {
    this.#workers = slots;
  }

  /** What workers need for a plan. A name keeps its place as long as the process lives; one that finds none is not limited. */
  prepare(config: GatewayConfig): AdaptiveSegment | undefined {
    const names = config.upstreams.flatMap(({ name, adaptive }) => (adaptive === undefined ? [] : [name]));
    if (names.length === 0) return undefined;
    this.#cells ??= createAdaptiveCells(this.#workers);
    for (const name of names)
      if (!this.#places.has(name) && this.#places.size < MAX_ADAPTIVE_PLACES) this.#places.set(name, this.#places.size);
    return { cells: this.#cells.memory, places: Object.fromEntries(this.#places) };
  }

  /** The plan is in force. A limit whose settings are the same goes on where it stands. */
  settle(config: GatewayConfig): void {
    const wanted = new Map(config.upstreams.map(({ name, adaptive }) => [name, adaptive]));
    for (const [name, { settings, regulator }] of this.#regulated) {
      if (JSON.stringify(wanted.get(name)) === settings) continue;
      regulator.end();
      this.#regulated.delete(name);
    }
    for (const [name, adaptive] of wanted) if (adaptive !== undefined && !this.#regulated.has(name)) this.#regulate(name, adaptive);
    if (this.#regulated.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    }
  }

  /** The thread of this slot has ended. */
  recover(slot: number): void {
    if (this.#cells !== undefined) clearWorker(this.#cells, slot);
  }

  writeMetrics(writer: MetricsWriter): void {
    for (const [upstream, { regulator }] of this.#regulated) {
      const { limit, inFlight, baseMs, sampleMs } = regulator.figures;
      writer.set(writer.slot('sluice_adaptive_limit', { upstream }), limit);
      writer.set(writer.slot('sluice_adaptive_in_flight', { upstream }), inFlight);
      writer.set(writer.slot('sluice_adaptive_base_seconds', { upstream }), baseMs);
      writer.set(writer.slot('sluice_adaptive_sample_seconds', { upstream }), sampleMs);
    }
  }

  #regulate(name: string, config: AdaptiveConfig): void {
    const place = this.#places.get(name);
    if (place === undefined || this.#cells === undefined) return;
    const regulator = new AdaptiveRegulator(config, { blocks: this.#cells, place }, Math.random);
    this.#regulated.set(name, { settings: JSON.stringify(config), regulator });
  }

  #tick(): void {
    this.#clock.refresh();
    for (const { regulator } of this.#regulated.values()) regulator.tick(this.#clock.hostMs);
  }
}
