import { listSettings } from './json-schema.ts';

/** The settings as a markdown table, for the README; a test keeps the two alike. Keys of coming versions stand below it. */
export function configReference(): string {
  const settings = listSettings();
  const rows = settings
    .filter(({ isPlanned }) => !isPlanned)
    .map(({ path, description }) => `| \`${path}\` | ${escapeCell(description ?? '')} |`);
  const planned = settings.filter(({ isPlanned }) => isPlanned).map(({ path }) => `\`${path}\``);
  return ['| key | what |', '| --- | --- |', ...rows, '', `Known, not available yet: ${planned.join(', ')}.`, ''].join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
