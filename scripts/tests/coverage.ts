import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../pinned-node.ts';

/** What V8 leaves of each process and thread, as far as it is used here. */
type Range = { readonly startOffset: number; readonly endOffset: number; readonly count: number };
type Script = { readonly url: string; readonly functions: readonly { readonly ranges: readonly Range[] }[] };

/** A piece of code that no process and no thread has run. */
export type Gap = { readonly file: string; readonly line: number; readonly text: string };
export type FileCoverage = { readonly file: string; readonly lines: number; readonly covered: number; readonly gaps: readonly Gap[] };

/** A module as V8 saw it (types are blanks there, so places are those of the file), and which of its characters have run. */
class Module {
  readonly text: string;
  readonly hasRun: Uint8Array;

  constructor(path: string) {
    const file = readFileSync(path, 'utf8');
    this.text = path.endsWith('.ts') ? stripTypeScriptTypes(file) : file;
    this.hasRun = new Uint8Array(this.text.length);
  }

  add({ url, functions }: Script): void {
    // Node's own loader adds where it is from.
    const added = `\n\n//# sourceURL=${url}`.length;
    const length = functions[0]?.ranges[0]?.endOffset;
    // Another text below the same name: the harness makes a step of each plain store by rewriting it.
    if (length !== this.text.length && length !== this.text.length + added) return;
    const ran = new Uint8Array(this.text.length);
    // What is inside comes after what it is in, and knows better.
    const ranges = functions.flatMap((one) => one.ranges).sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
    for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    for (let at = 0; at < ran.length; at++) this.hasRun[at] = (this.hasRun[at] ?? 0) | (ran[at] ?? 0);
  }
}

/** Adds up what all processes and threads left in a folder (`NODE_V8_COVERAGE`). Files of `src/` that none has loaded have nothing covered. */
export function readCoverage(folder: string): readonly FileCoverage[] {
  const modules = new Map<string, Module>();
  for (const entry of readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (/\.(?:ts|mjs)$/.test(entry)) modules.set(join(ROOT, 'src', entry), new Module(join(ROOT, 'src', entry)));
  }
  for (const name of readdirSync(folder)) {
    const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { readonly result: readonly Script[] };
    for (const script of result) if (script.url.startsWith('file:')) modules.get(fileURLToPath(script.url))?.add(script);
  }
  return [...modules].map(([path, module]) => measure(relative(ROOT, path), module)).sort((a, b) => a.file.localeCompare(b.file));
}

function measure(file: string, { text, hasRun }: Module): FileCoverage {
  let lines = 0;
  let covered = 0;
  let begin = 0;
  for (const line of text.split('\n')) {
    const first = begin + line.search(/[\w$'"`#]/);
    if (isCode(line)) {
      lines += 1;
      covered += hasRun[first] ?? 0;
    }
    begin += line.length + 1;
  }
  return { file, lines, covered, gaps: gapsOf(file, text, hasRun) };
}

/** Types, comments and brackets alone are not. */
function isCode(line: string): boolean {
  const text = line.trim();
  return /[\w$'"`]/.test(text) && !/^(?:\/\/|\/?\*)/.test(text);
}

function gapsOf(file: string, text: string, hasRun: Uint8Array): readonly Gap[] {
  const gaps: Gap[] = [];
  let at = hasRun.indexOf(0);
  while (at >= 0) {
    const next = hasRun.indexOf(1, at);
    const end = next < 0 ? text.length : next;
    const gap = text.slice(at, end);
    if (gap.split('\n').some(isCode))
      gaps.push({ file, line: text.slice(0, at + gap.search(/\S/)).split('\n').length, text: gap.trim().replace(/\s+/g, ' ') });
    at = next < 0 ? -1 : hasRun.indexOf(0, next);
  }
  return gaps;
}
