import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHeartbeats, type HeartbeatVerdict, Heartbeats, judgeHeartbeat, watchHeartbeat } from '../../../src/shm/heartbeat.ts';

const limits = { reportMs: 300, replaceMs: 1000, maxStepMs: 200 };

/** Looks at the given times with the given beats; tells every verdict. */
function judgeAll(looks: readonly (readonly [nowMs: number, beat: number])[]): readonly HeartbeatVerdict[] {
  let watch = watchHeartbeat(0, 0);
  return looks.map(([nowMs, beat]) => {
    const judged = judgeHeartbeat({ watch, beat, nowMs }, limits);
    watch = judged.watch;
    return judged.verdict;
  });
}

test('beats of one worker are seen by whoever opens the memory, and only as that worker’s', () => {
  const mine = createHeartbeats(3);
  const theirs = new Heartbeats(mine.memory);
  theirs.beat(1);
  theirs.beat(1);
  assert.deepEqual([mine.read(0), mine.read(1), mine.read(2)], [0, 2, 0]);
  assert.throws(() => mine.read(3), /one of 3/);
});

test('a beat goes on across the wrap of its cell', () => {
  const beats = createHeartbeats(1);
  new Int32Array(beats.memory)[16] = 0x7fffffff;
  const before = beats.read(0);
  beats.beat(0);
  assert.equal(beats.read(0), -0x80000000);
  const { verdict } = judgeHeartbeat({ watch: watchHeartbeat(before, 0), beat: beats.read(0), nowMs: 5000 }, limits);
  assert.equal(verdict, 'alive');
});

const rows: readonly {
  readonly name: string;
  readonly looks: readonly (readonly [number, number])[];
  readonly verdicts: readonly HeartbeatVerdict[];
}[] = [
  {
    name: 'a worker that beats is alive',
    looks: [
      [100, 1],
      [200, 2],
      [300, 3],
    ],
    verdicts: ['alive', 'alive', 'alive'],
  },
  {
    name: 'a short silence is nothing',
    looks: [
      [100, 0],
      [200, 0],
      [290, 1],
    ],
    verdicts: ['alive', 'alive', 'alive'],
  },
  {
    name: 'a long silence is reported once',
    looks: [
      [150, 0],
      [300, 0],
      [450, 0],
    ],
    verdicts: ['alive', 'stuck', 'quiet'],
  },
  {
    name: 'one that turns again has recovered',
    looks: [
      [150, 0],
      [300, 0],
      [450, 1],
      [600, 2],
    ],
    verdicts: ['alive', 'stuck', 'recovered', 'alive'],
  },
  {
    name: 'one that stays stuck is replaced',
    looks: [
      [200, 0],
      [400, 0],
      [600, 0],
      [800, 0],
      [1000, 0],
      [1200, 0],
    ],
    verdicts: ['alive', 'stuck', 'quiet', 'quiet', 'replace', 'replace'],
  },
  {
    name: 'the coordinator’s own sleep is not taken for the worker’s',
    looks: [
      [100, 1],
      [60_000, 1],
      [60_100, 2],
    ],
    verdicts: ['alive', 'alive', 'alive'],
  },
  {
    name: 'a clock that steps back adds nothing',
    looks: [
      [100, 0],
      [50, 0],
      [150, 0],
    ],
    verdicts: ['alive', 'alive', 'alive'],
  },
];

for (const { name, looks, verdicts } of rows) {
  test(name, () => assert.deepEqual(judgeAll(looks), verdicts));
}
