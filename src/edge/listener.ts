import type { TimeSlice } from '../base/time-slice.ts';
import type { ListenerConfig } from '../config/types.ts';

/** One open listen address of one worker, whichever engine serves it. */
export interface Listener {
  readonly config: ListenerConfig;
  /** Where it listens, also if the configuration leaves that to the system. */
  readonly port: number;
  /** Client connections open now. */
  readonly connections: number;
  /** Accepts what already waits in the queue, then closes the listen socket. Connections go on. */
  stopAccepting(): Promise<void>;
  /**
   * Answers from now on are the last of their connections; idle ones stay. To be called when every worker has stopped
   * accepting: the clients connect anew at once, and must not end up in the queue of a socket that is about to close.
   */
  beginDrain(): void;
  /** Closes idle connections now and each other one after its answer. */
  drain(): void;
  /** Fires the deadlines of the connections, as many as go into the slice. Called by the worker every `SWEEP_MS`. */
  sweep(nowMs: number, slice?: TimeSlice): void;
  /** Cuts everything. */
  destroy(): void;
}
