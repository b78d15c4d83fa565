import { CHECK_RESULTS, DISCOVERY_RESULTS, EJECTION_REASONS, ENDPOINT_STATES } from './labels.ts';
import { COUNTER, GAUGE, type MetricRow } from './metric-row.ts';

const CHECKED = { name: 'upstream', from: 'checked-upstream' } as const;
const DISCOVERING = { name: 'upstream', from: 'discovering-upstream' } as const;
const ENDPOINT = { name: 'endpoint', from: 'endpoint' } as const;

/** Of upstreams whose endpoints are checked, judged or found. */
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
    help: 'Whether an endpoint is well by its active checks (1) or not (0); of those that discovery found, whether all are.',
  },
  {
    ...GAUGE,
    name: 'sluice_upstream_endpoint_ejected',
    labels: [CHECKED, ENDPOINT],
    help: 'Whether an endpoint is ejected (1) or not (0); of those that discovery found, whether any is.',
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
  {
    ...COUNTER,
    name: 'sluice_discovery_answers_total',
    labels: [DISCOVERING, { name: 'result', values: DISCOVERY_RESULTS }],
    help: 'Answers to questions for the endpoints of an upstream.',
  },
  { ...GAUGE, name: 'sluice_discovery_endpoints', labels: [DISCOVERING], help: 'Endpoints of the upstream now.' },
  {
    ...GAUGE,
    name: 'sluice_discovery_failing',
    labels: [DISCOVERING],
    help: 'Whether the last answer was none, or empty (1), so that the endpoints of an earlier one are used, or not (0).',
  },
] as const satisfies readonly MetricRow[];
