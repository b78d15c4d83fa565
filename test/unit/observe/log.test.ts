import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as events from '../../../src/observe/events.ts';
import * as upstreamEvents from '../../../src/observe/upstream-events.ts';
import { BoundedEventLog, type EventFields, type EventLog, LineEventLog } from '../../../src/observe/log.ts';

type Entry = { readonly level: string; readonly event: string; readonly fields: EventFields };

class MemoryLog implements EventLog {
  readonly entries: Entry[] = [];
  info(event: string, fields: EventFields): void {
    this.entries.push({ level: 'info', event, fields });
  }
  warn(event: string, fields: EventFields): void {
    this.entries.push({ level: 'warn', event, fields });
  }
  error(event: string, fields: EventFields): void {
    this.entries.push({ level: 'error', event, fields });
  }
}

test('an event is one line of JSON, even where a field holds line feeds', () => {
  const lines: string[] = [];
  const log = new LineEventLog(
    (line) => lines.push(line),
    () => 0,
  );
  events.exceptionCaught(log, { where: 'gateway', message: 'a\nb', stack: undefined });
  assert.equal(lines.join('').split('\n').length, 2);
  assert.deepEqual(JSON.parse(lines[0]!), {
    level: 'error',
    time: '1970-01-01T00:00:00.000Z',
    event: 'exception caught',
    where: 'gateway',
    message: 'a\nb',
  });
});

test('every event has a wording of its own and is logged once', () => {
  const memory = new MemoryLog();
  const all = [...Object.values(events), ...Object.values(upstreamEvents)] as readonly ((log: EventLog, facts: never) => void)[];
  for (const tell of all) tell(memory, {} as never);
  assert.equal(memory.entries.length, all.length);
  assert.equal(new Set(memory.entries.map(({ event }) => event)).size, all.length);
});

test('an event that comes too often is bounded for a while, and what was left out is told', () => {
  const memory = new MemoryLog();
  let nowMs = 0;
  const log = new BoundedEventLog(memory, { maxPerWindow: 3, windowMs: 1000 }, () => nowMs);
  for (let at = 0; at < 10; at += 1) log.warn('upstream attempt failed', { at });
  log.info('another', {});
  assert.equal(memory.entries.length, 4);
  nowMs = 1000;
  log.warn('upstream attempt failed', { at: 10 });
  log.warn('upstream attempt failed', { at: 11 });
  assert.deepEqual(
    memory.entries.slice(4).map(({ fields }) => fields),
    [{ at: 10, suppressed: 7 }, { at: 11 }],
  );
});
