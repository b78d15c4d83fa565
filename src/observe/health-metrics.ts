import { CHECK_RESULTS, EJECTION_REASONS, ENDPOINT_STATES } from './labels.ts';
import { COUNTER, GAUGE, type MetricRow } from './metric-row.ts';

const CHECKED = { name: 'upstream', from: 'checked-upstream' } as const;
const ENDPOINT = { name: 'endpoint', from: 'endpoint' } as const;

/** Of upstreams whose endpoints are checked or judged. */
export const HEALTH_METRICS = [
  {
    ...GAUGE,
    name: 'sluice_upstream_endpoints',
    labels: [CHECKED, { name: 'state', values: ENDPOINT_STATES }],
    help: 'Endpoints that there are now, by what is thought of them.',
  },
  {
    ...GAUGE,
    name: 'sluice_upstream_endpoint_healthy',
    labels: [CHECKED, ENDPOINT],
    help: 'Whether an endpoint of the configuration is well by its active checks (1) or not (0).',
  },
  {
    ...GAUGE,
    name: 'sluice_upstream_endpoint_ejected',
    labels: [CHECKED, ENDPOINT],
    help: 'Whether an endpoint of the configuration is ejected (1) or not (0).',
  },
  {
    ...COUNTER,
    name: 'sluice_upstream_ejections_total',
    labels: [CHECKED, { name: 'reason', values: EJECTION_REASONS }],
    help: 'Endpoints ejected for what became of their requests.',
  },
  {
    ...COUNTER,
    name: 'sluice_health_checks_total',
    labels: [CHECKED, { name: 'result', values: CHECK_RESULTS }],
    help: 'Active checks of endpoints.',
  },
] as const satisfies readonly MetricRow[];
