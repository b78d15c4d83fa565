import type { ConfigInput } from './schema.ts';

/** Types a `sluice.config.ts`: `export const config = defineConfig({ … })`. Checks nothing by itself, and loads nothing. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
