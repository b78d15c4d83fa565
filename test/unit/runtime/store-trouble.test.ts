import assert from 'node:assert/strict';
import { cpSync, existsSync, globSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StatementSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { DiskRig, keyOf, temporaryFolder } from './store-kit.ts';

const LARGE = Buffer.alloc(20_000, 'z');

function onlyBody(folder: string): string {
  const [path, ...others] = globSync(`${folder}/cache/bodies/*/*`);
  assert.ok(path !== undefined && others.length === 0);
  return path;
}

/** What a process leaves that was killed: the files as they are, the lock free. */
function leftBy(t: TestContext, folder: string): string {
  const copy = temporaryFolder(t);
  cpSync(folder, copy, { recursive: true });
  return copy;
}

const damages: readonly (readonly [string, (path: string) => void])[] = [
  ['is gone', (path) => rmSync(path)],
  ['is shorter', (path) => truncateSync(path, 19_999)],
  ['is longer', (path) => writeFileSync(path, Buffer.alloc(20_001, 'z'))],
  ['is empty', (path) => truncateSync(path, 0)],
  ['has another byte', (path) => writeFileSync(path, Buffer.concat([LARGE.subarray(1), Buffer.from('y')]))],
];
for (const [how, damage] of damages) {
  test(`a body that ${how} is never served, and its row goes`, (t) => {
    const folder = temporaryFolder(t);
    const rig = DiskRig.open(t, folder);
    rig.store(keyOf('/a'), { body: LARGE });
    rig.forget();
    damage(onlyBody(folder));
    assert.equal(rig.fetch(keyOf('/a')), undefined);
    assert.equal(rig.bodyOf(keyOf('/a')), undefined);
    assert.equal(rig.figures.objects, 0);
    assert.equal(rig.figures.damaged, 1);
    assert.equal(rig.disk.mode, 'writing');
    assert.deepEqual(rig.worker.verify(), []);
  });
}

test('after a kill nothing is left that no row names, and what was committed is there', (t) => {
  const folder = temporaryFolder(t);
  const rig = DiskRig.open(t, folder);
  rig.store(keyOf('/a'), { body: LARGE });
  // Written, and killed before its row.
  mkdirSync(join(folder, 'cache/bodies/bc'));
  writeFileSync(join(folder, 'cache/bodies/bc/100000abc'), 'half');
  mkdirSync(join(folder, 'cache/trash-1/00'), { recursive: true });
  writeFileSync(join(folder, 'cache/trash-1/00/1'), 'rest');
  const next = DiskRig.open(t, leftBy(t, folder));
  assert.equal(next.fetch(keyOf('/a')), LARGE.toString());
  assert.equal(globSync(`${next.folder.path}/*/*/*`).length, 1);
  assert.equal(globSync(`${next.folder.path}/trash-*`).length, 0);
});

test('ids go on after a kill: no new body gets the name of an old one', (t) => {
  const folder = temporaryFolder(t);
  const first = DiskRig.open(t, folder);
  first.store(keyOf('/a'), { body: LARGE });
  const next = DiskRig.open(t, leftBy(t, folder));
  next.store(keyOf('/b'), { body: Buffer.alloc(20_000, 'b') });
  next.forget();
  assert.equal(next.fetch(keyOf('/a')), LARGE.toString());
  assert.equal(next.fetch(keyOf('/b')), 'b'.repeat(20_000));
});

test('an index that is no database is thrown away and told of', (t) => {
  const folder = temporaryFolder(t);
  const first = new DiskRig(folder);
  first.disk.open();
  first.store(keyOf('/a'), { body: LARGE });
  first.disk.close();
  writeFileSync(first.folder.database, Buffer.alloc(8192, 'no database'));
  const next = DiskRig.open(t, folder);
  assert.deepEqual(next.events[0], { kind: 'wiped', why: 'it is damaged' });
  assert.equal(next.disk.mode, 'writing');
  next.store(keyOf('/b'));
  next.forget();
  assert.notEqual(next.fetch(keyOf('/b')), undefined);
  assert.equal(globSync(`${folder}/cache/*/*/*`).length, 0);
});

test('an index under another seed, or of another version, is thrown away', (t) => {
  const folder = temporaryFolder(t);
  const first = new DiskRig(folder);
  first.disk.open();
  first.store(keyOf('/a'));
  first.disk.close();
  writeFileSync(join(folder, 'cache/seed'), Buffer.alloc(16, 1));
  const next = DiskRig.open(t, folder);
  assert.deepEqual(next.events[0], { kind: 'wiped', why: 'its seed is another' });
  assert.equal(next.fetch(keyOf('/a')), undefined);
});

/** Makes every write of a body fail until `mend`. */
function breakBodies(rig: DiskRig): () => void {
  const bodies = join(rig.folder.path, 'bodies');
  renameSync(bodies, `${bodies}-aside`);
  writeFileSync(bodies, 'in the way');
  return () => {
    rmSync(bodies);
    renameSync(`${bodies}-aside`, bodies);
  };
}

test('a disk that cannot be written to makes the tier read-only: told, counted, still served, and tried again', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  rig.store(keyOf('/before'));
  const mend = breakBodies(rig);
  rig.store(keyOf('/large'), { body: LARGE });
  assert.equal(rig.disk.mode, 'readOnly');
  assert.equal(rig.events.at(-1)?.kind, 'readOnly');
  rig.store(keyOf('/another'));
  rig.forget();
  assert.notEqual(rig.fetch(keyOf('/before')), undefined);
  assert.equal(rig.fetch(keyOf('/large')), undefined);
  assert.equal(rig.fetch(keyOf('/another')), undefined);
  assert.equal(rig.figures.failures, 1);
  assert.equal(rig.presence.queued(0), 0);
  mend();
  t.mock.method(performance, 'now', () => 1e12);
  rig.disk.tick();
  assert.equal(rig.events.at(-1)?.kind, 'writable');
  rig.store(keyOf('/large'), { body: LARGE });
  rig.forget();
  assert.equal(rig.fetch(keyOf('/large')), LARGE.toString());
});

test('while it is read-only the disk does not go back in time: what is published anew takes the old one along', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const old = rig.store(keyOf('/a'), { body: 'old' });
  breakBodies(rig);
  rig.store(keyOf('/large'), { body: LARGE });
  rig.write(rig.publish(keyOf('/a'), { body: 'new' }, [old]));
  rig.forget();
  assert.equal(rig.fetch(keyOf('/a')), undefined);
});

/** Every change of the index fails, reading goes on, until `mend`. */
function breakIndex(t: TestContext): () => void {
  const broken = t.mock.method(StatementSync.prototype, 'run', () => {
    throw Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 });
  });
  return () => broken.mock.restore();
}

test('a removal that cannot be made is not read any more, and a process that starts before it was trusts nothing', (t) => {
  const folder = temporaryFolder(t);
  const rig = DiskRig.open(t, folder);
  rig.store(keyOf('/a'), { body: 'to go' });
  rig.store(keyOf('/b'));
  rig.forget();
  const mend = breakIndex(t);
  rig.removeKey(keyOf('/a'));
  assert.equal(rig.disk.mode, 'readOnly');
  assert.equal(existsSync(join(folder, 'cache/trusted')), false);
  assert.equal(rig.fetch(keyOf('/a')), undefined);
  assert.notEqual(rig.fetch(keyOf('/b')), undefined);
  const left = leftBy(t, folder);
  mend();
  const next = DiskRig.open(t, left);
  assert.deepEqual(next.events[0], { kind: 'wiped', why: 'something could not be removed from it' });
  assert.equal(next.fetch(keyOf('/a')), undefined);
  t.mock.method(performance, 'now', () => 1e12);
  rig.disk.tick();
  assert.equal(rig.disk.mode, 'writing');
  assert.equal(existsSync(join(folder, 'cache/trusted')), true);
  assert.equal(rig.figures.objects, 1);
});

test('a purge that cannot be made turns the tier off; opened anew it is empty', async (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  rig.store(keyOf('/a'));
  const mend = breakIndex(t);
  assert.equal(await rig.disk.purge({ kind: 'prefix', prefix: '/', isSoft: false }), 0);
  assert.equal(rig.disk.mode, 'off');
  assert.equal(rig.presence.state, 'off');
  assert.equal(rig.fetch(keyOf('/a')), undefined);
  mend();
  t.mock.method(performance, 'now', () => 1e12);
  rig.disk.tick();
  assert.equal(rig.disk.mode, 'writing');
  rig.forget();
  assert.equal(rig.fetch(keyOf('/a')), undefined);
});

test('a folder that cannot be had turns the tier off, told once, and nothing else fails', (t) => {
  const folder = temporaryFolder(t);
  const rig = new DiskRig(folder);
  rmSync(rig.folder.path, { recursive: true });
  writeFileSync(rig.folder.path, 'in the way');
  rig.disk.open();
  t.after(() => rig.disk.close());
  assert.equal(rig.disk.mode, 'off');
  rig.store(keyOf('/a'));
  rig.removeKey(keyOf('/a'));
  rig.disk.open();
  assert.deepEqual(
    rig.events.map(({ kind }) => kind),
    ['off'],
  );
  assert.equal(rig.presence.queued(0), 0);
});
