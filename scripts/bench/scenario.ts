export type LoadShape = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Of the request. */
  readonly bodyBytes: number;
  readonly connections: number;
};

export type ScenarioName = 'relay' | 'large' | 'upload';

/** Paths are those of scripts/bench/origin.ts. */
export const SCENARIOS: Readonly<Record<ScenarioName, LoadShape & { readonly text: string }>> = {
  relay: { method: 'GET', path: '/relay', bodyBytes: 0, connections: 64, text: '100-byte answers' },
  large: { method: 'GET', path: '/large', bodyBytes: 0, connections: 64, text: '64 KiB answers' },
  upload: { method: 'POST', path: '/upload', bodyBytes: 1024 * 1024, connections: 16, text: '1 MiB uploads' },
};

export function isScenario(name: string): name is ScenarioName {
  return Object.hasOwn(SCENARIOS, name);
}
