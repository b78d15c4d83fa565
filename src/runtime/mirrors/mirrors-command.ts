import { type AdminTarget, askAdmin, complain } from '../admin-commands.ts';
import { property } from '../property.ts';

/** `sluice mirrors`: the verdict of each, and where its shadow differs. Exit code 2 when one does. */
export async function showMirrors(admin: AdminTarget, name: string | undefined, isReset: boolean): Promise<number> {
  if (isReset && name === undefined) {
    console.error('sluice: name the mirror whose comparisons are to be forgotten');
    return 1;
  }
  if (isReset) {
    const reply = await askAdmin(admin, 'DELETE', `/mirrors?name=${encodeURIComponent(name ?? '')}`);
    if (reply.status !== 200) return complain(reply);
    console.log('forgotten');
    return 0;
  }
  const reply = await askAdmin(admin, 'GET', '/mirrors');
  if (reply.status !== 200) return complain(reply);
  const mirrors = listOf(reply.body, 'mirrors').filter((mirror) => name === undefined || property(mirror, 'name') === name);
  if (mirrors.length === 0)
    console.log(name === undefined ? 'no route compares the answers of a mirror' : `there is no mirror "${name}" that compares`);
  for (const mirror of mirrors) printMirror(mirror);
  return mirrors.some((mirror) => property(mirror, 'verdict') === 'differs') ? 2 : 0;
}

function printMirror(mirror: unknown): void {
  const text = (key: string): string => String(property(mirror, key));
  console.log(`${text('name')} → ${text('shadow')}: ${text('verdict')} (${text('compared')} compared)`);
  for (const field of listOf(mirror, 'fields')) {
    const mark = property(field, 'isDifferent') === true ? '!' : ' ';
    console.log(
      `  ${mark} ${String(property(field, 'field'))}: ${String(property(field, 'raw'))} differ, ${String(property(field, 'noise'))} by themselves`,
    );
    const [example] = listOf(field, 'examples');
    if (mark === '!' && example !== undefined)
      console.log(
        `      ${String(property(example, 'request'))}: ${String(property(example, 'live'))} → ${String(property(example, 'shadow'))}`,
      );
  }
}

function listOf(value: unknown, key: string): readonly unknown[] {
  const list = property(value, key);
  return Array.isArray(list) ? list : [];
}
