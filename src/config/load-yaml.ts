import { type LoadOptions, type LoadResult, parseConfigValue } from './load.ts';
import { readYaml } from './yaml-source.ts';

/**
 * YAML text → frozen configuration, or everything that is wrong with it, in the order of the file. Reads nothing else. It
 * stands apart from `load.ts` because the parser takes 65 ms to load, which a start without a file need not spend.
 */
export function loadConfig(text: string, options: LoadOptions): LoadResult {
  const source = readYaml(text);
  if (source.kind === 'ok') return parseConfigValue(source.value ?? {}, options, source.locate);
  const problems = source.messages.map((message) => ({ file: options.fileName, path: '', ...message }));
  return { kind: 'bad', problems };
}
