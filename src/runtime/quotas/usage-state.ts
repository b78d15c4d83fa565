import { openQuotas, openSoundQuotas, seedOf } from './quota-schema.ts';

/** What a store knows before anything is counted. */
export type UsageState = {
  readonly seed: Uint8Array;
  /** Consumer to tier, as moved at run time. */
  readonly moves: ReadonlyMap<string, string>;
  /** Where what was damaged has been set aside. */
  readonly damaged: string | undefined;
};

/** Reads it, or begins it. A few ms. Throws what the file system or SQLite throws. */
export function readUsageState(storePath: string): UsageState {
  const { database, damaged } = openSoundQuotas(storePath);
  try {
    const rows = database.prepare('SELECT consumer, tier FROM moves').all();
    return { seed: seedOf(database), moves: new Map(rows.map(({ consumer, tier }) => [String(consumer), String(tier)])), damaged };
  } finally {
    database.close();
  }
}

/** A consumer is moved, or (`undefined`) no longer. On disk when it returns. Throws what the file system or SQLite throws. */
export function writeMove(storePath: string, consumer: string, tier: string | undefined): void {
  const database = openQuotas(storePath);
  try {
    if (tier === undefined) database.prepare('DELETE FROM moves WHERE consumer = ?').run(consumer);
    else database.prepare('INSERT OR REPLACE INTO moves (consumer, tier) VALUES (?, ?)').run(consumer, tier);
  } finally {
    database.close();
  }
}
