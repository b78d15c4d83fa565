// What users import from `sluice`, in `sluice.config.ts` and in filters.
// biome-ignore lint/performance/noBarrelFile: the one public entry of the package; nothing inside imports it.
export { defineConfig } from '../config/define.ts';
export type { ConfigInput } from '../config/schema.ts';
export { defineFilter } from '../exchange/filters.ts';
export type {
  Filter,
  FilterAnswer,
  FilterContext,
  FilterRequest,
  FilterResponse,
  FilterSummary,
  FilterUpstreamRequest,
} from '../exchange/filters.ts';
