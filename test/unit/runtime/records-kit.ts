import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { BeginOrder, KeptAnswer } from '../../../src/exchange/idempotency-records.ts';
import { RecordBook } from '../../../src/runtime/records/record-book.ts';
import { openRecords } from '../../../src/runtime/records/record-schema.ts';

export const TTL_MS = 1_000;

/** A folder that goes with the test. */
export function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-records-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type BookKit = { readonly book: RecordBook; readonly dead: Set<string> };

/** Opens the records of a folder as `self`. Owners in `dead` are. */
export function openBook(folder: string, { self = 'self', limitBytes = 2 ** 20 } = {}): BookKit {
  const dead = new Set<string>();
  const database = openRecords(join(folder, 'records.db'));
  const book = new RecordBook(database, { limitBytes, self, isAlive: (owner) => !dead.has(owner) });
  return { book, dead };
}

export function order(key: string, fingerprint = 'f'): BeginOrder {
  return { key, fingerprint, ttlMs: TTL_MS, waits: true };
}

export function answer(text: string): KeptAnswer {
  return { statusText: '201 Created', block: 'X-A: b\r\n', body: Uint8Array.from(Buffer.from(text, 'latin1')) };
}

export function textOf({ body }: KeptAnswer): string {
  return Buffer.from(body).toString('latin1');
}
