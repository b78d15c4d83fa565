import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../pinned-node.ts';
import type { Gap } from './coverage.ts';

export type ExplainedGap = Gap & { readonly why: string | undefined };

const FOLDER = 'src/shm';
const ROW = /^\| `([\w-]+\.ts)` \| .* \| (.*) \|$/gm;

/** Branches of `src/shm/` that no test takes, each with its reason from the table in that folder's README: one for each row of its file. */
export function explainGaps(gaps: readonly Gap[]): readonly ExplainedGap[] {
  const reasons = new Map<string, string[]>();
  for (const [, name = '', why = ''] of readFileSync(join(ROOT, FOLDER, 'README.md'), 'utf8').matchAll(ROW)) {
    const file = `${FOLDER}/${name}`;
    reasons.set(file, [...(reasons.get(file) ?? []), why]);
  }
  return gaps.map((gap) => ({ ...gap, why: reasons.get(gap.file)?.shift() }));
}
