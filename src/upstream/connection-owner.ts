import type { Clock } from '../base/clock.ts';
import type { Connection } from './connection.ts';
import type { FailureKind } from './failure.ts';

/** What a connection tells the pool that owns it. */
export interface ConnectionOwner {
  readonly clock: Clock;
  onConnectionOpen(connection: Connection): void;
  onConnectFailed(connection: Connection, kind: FailureKind, detail: string): void;
  /** It can take a request again: it is idle, or has room in its pipeline. */
  onConnectionReady(connection: Connection): void;
  /** It was open and is no more. Called before the failures of its attempts are told. */
  onConnectionClosed(connection: Connection): void;
  /** `flush` is to be called once the tick's requests are together. */
  onFlushDue(connection: Connection): void;
  /** A request met a connection that the origin had closed. */
  onStale(): void;
}
