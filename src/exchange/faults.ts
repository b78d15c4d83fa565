import type { FaultConfig } from '../config/mirror-types.ts';
import type { FAULT_KINDS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';
import { statusText } from '../http/status.ts';
import { Condition, valueHolds } from '../routing/value-match.ts';
import { type OwnAnswer, RETRY_AFTER } from './answers.ts';
import type { Exchange } from './exchange.ts';

/** Faults for drills: what happens to some requests of a route on purpose, before anybody is asked, or to their answers. */

type FaultKind = (typeof FAULT_KINDS)[number];

type Fault = {
  readonly config: FaultConfig;
  readonly conditions: readonly Condition[];
  readonly abort: OwnAnswer;
};

export type FaultPlan = {
  readonly faults: readonly Fault[];
  readonly metrics: MetricsWriter;
  readonly slots: Readonly<Record<FaultKind, MetricSlot>>;
};

export function compileFaultPlan(route: string, faults: readonly FaultConfig[], metrics: MetricsWriter): FaultPlan | null {
  if (faults.length === 0) return null;
  const slotOf = (kind: FaultKind): MetricSlot => metrics.slot('sluice_faults_total', { route, kind });
  const slots = { delay: slotOf('delay'), abort: slotOf('abort'), throttle: slotOf('throttle') };
  return { faults: faults.map(compileFault), metrics, slots };
}

function compileFault(config: FaultConfig): Fault {
  const conditions = config.when.map(({ name, match }) => new Condition('header', name, match));
  const [, ...words] = statusText(config.abortStatus).split(' ');
  const abort: OwnAnswer = {
    status: config.abortStatus,
    problem: 'injected-fault',
    title: words.join(' ') || 'Injected Fault',
    detail: 'The request was answered so for a drill.',
    proxyError: '',
    extra: config.abortStatus === 503 ? RETRY_AFTER : '',
  };
  return { config, conditions, abort };
}

/** Calls `next` unless the request is answered; at once where nothing happens to it. */
export function meetFaults(exchange: Exchange, plan: FaultPlan, next: () => void): void {
  const fault = plan.faults.find(({ config, conditions }) => {
    return conditions.every((condition) => valueHolds(condition, exchange.facts.field(condition.name))) && Math.random() < config.share;
  });
  if (fault === undefined || exchange.refreshOf !== null) {
    next();
    return;
  }
  const { delayMs } = fault.config;
  if (delayMs === 0) {
    happen(exchange, plan, { fault, next });
    return;
  }
  plan.metrics.increment(plan.slots.delay);
  const { life, gateway } = exchange;
  setTimeout(() => {
    if (exchange.life !== life) return;
    gateway.clock.refresh();
    gateway.guard(exchange, () => happen(exchange, plan, { fault, next }));
  }, delayMs).unref();
}

function happen(
  exchange: Exchange,
  { metrics, slots }: FaultPlan,
  { fault, next }: { readonly fault: Fault; readonly next: () => void },
): void {
  const { abortStatus, throttleBytesPerSec } = fault.config;
  if (abortStatus !== 0) {
    metrics.increment(slots.abort);
    exchange.answer(fault.abort);
    return;
  }
  if (throttleBytesPerSec !== 0) {
    metrics.increment(slots.throttle);
    exchange.throttle = new Throttle(exchange, throttleBytesPerSec);
  }
  next();
}

/** Holds the upstream's answer to so many bytes a second: what comes at once is passed on, and then nothing until its time is over. */
export class Throttle {
  private readonly exchange: Exchange;
  private readonly bytesPerSec: number;
  private timer: NodeJS.Timeout | null = null;

  constructor(exchange: Exchange, bytesPerSec: number) {
    this.exchange = exchange;
    this.bytesPerSec = bytesPerSec;
  }

  get isHolding(): boolean {
    return this.timer !== null;
  }

  /** So many bytes of the body have been passed on. */
  onPassed(bytes: number): void {
    if (this.timer !== null) return;
    this.exchange.connection?.pause();
    this.timer = setTimeout(
      () => {
        this.timer = null;
        this.exchange.connection?.resume();
      },
      (bytes / this.bytesPerSec) * 1000,
    ).unref();
  }

  /** The exchange is over. */
  end(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
