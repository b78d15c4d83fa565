import type { MessagePort } from 'node:worker_threads';
import type { GatewayConfig, ListenAddress } from '../config/types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import type { MetricPlan } from '../observe/slots.ts';
import type { OwnSources } from './launch.ts';
import type { LastGood, ProxyStart } from './start-options.ts';
import type { DiskLink } from './store/disk-line.ts';

/** Everything that crosses a process or thread border, as plain data. One union for each direction. */

/** An address that accepts. */
export type OpenListener = { readonly name: string; readonly host: string; readonly port: number };

/** The first thing that a proxy process is told, by `boot.mjs`'s measure. */
export type FirstToProxy = { readonly sources: OwnSources; readonly start: ProxyStart };

/** Supervisor to proxy process, after that. */
export type ToProxy =
  | { readonly kind: 'reload' }
  /** Stop for good: readiness is withdrawn first, `drainDelayMs` is waited out. */
  | { readonly kind: 'drain' }
  /** A newer process accepts on the same ports: go, without delay. */
  | { readonly kind: 'retire' }
  /** Cut what is still open. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'reopen-logs' };

/** Proxy process to supervisor. */
export type FromProxy =
  /** Its loop has turned. Every second, but for a process that is being debugged. */
  | { readonly kind: 'alive' }
  | {
      readonly kind: 'ready';
      readonly listeners: readonly OpenListener[];
      readonly admin: OpenListener | undefined;
      readonly good: LastGood;
      /** For the person who started it, a sentence each. */
      readonly notes: readonly string[];
    }
  /** It cannot start; it exits next. `text` is for people, one problem a line. */
  | { readonly kind: 'failed'; readonly text: string }
  /** After a reload that held, so that a successor knows the ports and the last good configuration. */
  | { readonly kind: 'reloaded'; readonly listeners: readonly OpenListener[]; readonly good: LastGood }
  /** It was asked to drain over its admin listener; its end is wanted. */
  | { readonly kind: 'draining' }
  /** Something in it cannot be repaired from inside. */
  | { readonly kind: 'replace-me'; readonly reason: string };

/** The shared memory of the HTTP cache and of requests that share answers. */
export type CacheSegments = {
  /** Counts up with each store that was made: the same number is the same store, which memory that was posted cannot tell. */
  readonly id: number;
  readonly store: SharedArrayBuffer;
  readonly epochs: SharedArrayBuffer;
  readonly flights: SharedArrayBuffer;
};

/** The shared memory of limits and quotas: one for the life of the process. */
export type LimitSegments = {
  readonly limits: SharedArrayBuffer;
  readonly concurrency: SharedArrayBuffer;
  readonly quotas: SharedArrayBuffer;
};

/** Where workers and coordinator meet for adaptive limits, and the place of each upstream there. One for the life of the process. */
export type AdaptiveSegment = { readonly cells: SharedArrayBuffer; readonly places: Readonly<Record<string, number>> };

/** Where all threads meet about upstreams (`upstream/endpoint-memory.ts`): the memory, one for the life of the process, the slot of each upstream, and its endpoints. */
export type UpstreamSegment = {
  readonly words: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
  readonly services: Readonly<Record<string, number>>;
  readonly endpoints: Readonly<Record<string, readonly EndpointState[]>>;
  /** What bounded upstreams have at once (`upstream/host-limits.ts`); `undefined`: none is bounded. */
  readonly limits: SharedArrayBuffer | undefined;
};

/** One plan on its way to the workers. */
export type PlanMessage = {
  /** Counts up with each reload; 1 is the plan of the start. */
  readonly generation: number;
  readonly config: GatewayConfig;
  readonly metricPlan: MetricPlan;
  /** Where each filter module stands: path as written to absolute path. */
  readonly modules: Readonly<Record<string, string>>;
  /** The generation that read the modules: a plan that only moves a consumer to another tier goes on with the filters as they are. */
  readonly moduleGeneration: number;
  /** `undefined`: no route shares answers, by `cache` or by `dedupe`. */
  readonly caching: CacheSegments | undefined;
  /** `undefined`: nothing is limited. */
  readonly limiting: LimitSegments | undefined;
  /** `undefined`: no upstream has an adaptive limit. */
  readonly adaptive: AdaptiveSegment | undefined;
  /** `undefined`: no upstream has state. */
  readonly upstreams: UpstreamSegment | undefined;
};

/** What a worker thread is started with. */
export type WorkerStart = {
  /** Its slot: names its counters and its heartbeat; no two live workers have the same. */
  readonly slot: number;
  readonly plan: PlanMessage;
  readonly counters: SharedArrayBuffer;
  readonly heartbeats: SharedArrayBuffer;
  /** Descriptor of the access log, shared by all threads of the process; -1 = none. */
  readonly accessLogFd: number;
  readonly runToken: string;
};

export type ToWorker =
  /** Load everything of a plan that can fail, change nothing that clients see. */
  | { readonly kind: 'prepare'; readonly plan: PlanMessage }
  | { readonly kind: 'commit'; readonly generation: number }
  | { readonly kind: 'discard'; readonly generation: number }
  /** Listen sockets are closed after what waits in their queues was accepted. Before `drain`, so that no client reconnects to one of them. */
  | { readonly kind: 'stop-accepting' }
  /** `deadlineMs` from now. */
  | { readonly kind: 'drain'; readonly deadlineMs: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'access-log'; readonly fd: number }
  /** The disk tier of the cache from now on; right behind the start, and whenever it is another. */
  | { readonly kind: 'disk'; readonly link: DiskLink | undefined }
  /** The records of Idempotency-Key from now on, which a thread has just begun to keep. */
  | { readonly kind: 'records'; readonly port: MessagePort }
  /** The way to tell what mirrors have compared, and to be told what that says of shadows. */
  | { readonly kind: 'mirrors'; readonly port: MessagePort }
  /** An upstream of the plan in force has other endpoints from now on. */
  | { readonly kind: 'endpoints'; readonly upstream: string; readonly endpoints: readonly EndpointState[] }
  /** Answers `join` and `leave`. */
  | { readonly kind: 'handover'; readonly id: number; readonly problem: string | undefined };

export type FromWorker =
  | { readonly kind: 'ready'; readonly listeners: readonly OpenListener[] }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'prepared'; readonly generation: number }
  | { readonly kind: 'refused'; readonly generation: number; readonly reason: string }
  | { readonly kind: 'committed'; readonly generation: number; readonly listeners: readonly OpenListener[] }
  /** Nothing more is written to the descriptor that was in use before. */
  | { readonly kind: 'access-log-moved'; readonly fd: number }
  | { readonly kind: 'stopped-accepting' }
  /** With `sharding: acceptor`: this app takes connections of that address; it must not end before its `leave` is answered. */
  | { readonly kind: 'join' | 'leave'; readonly id: number; readonly handover: Handover }
  | { readonly kind: 'error'; readonly where: string; readonly text: string }
  /** An error escaped every guard: the worker drains by itself and ends. */
  | { readonly kind: 'doomed'; readonly text: string }
  | { readonly kind: 'drained'; readonly cut: number };

/** An address, and an app of a worker that connections of it are handed to, by the app's own address in this process. */
export type Handover = { readonly address: ListenAddress; readonly descriptor: number };

/** Coordinator to acceptor thread. */
export type ToAcceptor =
  | { readonly kind: 'add' | 'remove'; readonly id: number; readonly handover: Handover }
  /** No worker is left. */
  | { readonly kind: 'end' };

/** `problem`: why the address of an `add` cannot be had. */
export type FromAcceptor = { readonly id: number; readonly problem: string | undefined };
