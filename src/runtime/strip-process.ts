import { stripOwnSources } from './own-sources.ts';

// What stripping takes in memory goes with this process; see `own-sources.ts`.
process.send?.(stripOwnSources(), () => process.disconnect());
