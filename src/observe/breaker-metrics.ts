import { BREAKER_TRANSITIONS, EXTRA_LOAD_KINDS, FAULT_KINDS, MIRROR_RESULTS, RESOURCE_KINDS } from './labels.ts';
import { COUNTER, GAUGE, type MetricRow } from './metric-row.ts';

const BREAKER_UPSTREAM = { name: 'upstream', from: 'breaker-upstream' } as const;
const UPSTREAM = { name: 'upstream', from: 'upstream' } as const;
const BOUNDED_UPSTREAM = { name: 'upstream', from: 'bounded-upstream' } as const;
/** URLs of endpoints, and "service" for the breaker of all of them together. */
const BREAKER = { name: 'endpoint', from: 'breaker' } as const;
const EXTRA_KIND = { name: 'kind', values: EXTRA_LOAD_KINDS } as const;
const MIRRORED_ROUTE = { name: 'route', from: 'mirrored-route' } as const;
const RESOURCE = { name: 'resource', values: RESOURCE_KINDS } as const;

/** Circuit breakers, extra load, what upstreams may have at once, and copies for shadows. */
export const BREAKER_METRICS = [
  { ...GAUGE, name: 'sluice_breaker_state', labels: [BREAKER_UPSTREAM, BREAKER], help: '0 = closed, 1 = half-open, 2 = open.' },
  {
    ...GAUGE,
    name: 'sluice_breaker_share',
    labels: [BREAKER_UPSTREAM, BREAKER],
    help: 'How much of its usual share it has after the breaker has closed, 0 to 1.',
  },
  {
    ...COUNTER,
    name: 'sluice_breaker_transitions_total',
    labels: [BREAKER_UPSTREAM, BREAKER, { name: 'to', values: BREAKER_TRANSITIONS }],
    help: 'Changes of the state of a breaker.',
  },
  {
    ...COUNTER,
    name: 'sluice_breaker_refused_total',
    labels: [BREAKER_UPSTREAM],
    help: 'Requests that were sent nowhere because of open breakers.',
  },
  {
    ...COUNTER,
    name: 'sluice_extra_load_total',
    labels: [UPSTREAM, EXTRA_KIND],
    help: 'Requests beside first attempts: retries, hedges, mirrored ones, revalidations in the background.',
  },
  {
    ...COUNTER,
    name: 'sluice_extra_load_refused_total',
    labels: [UPSTREAM, EXTRA_KIND],
    help: 'The same that were not sent since the allowance was used up.',
  },
  { ...GAUGE, name: 'sluice_extra_load_allowance', labels: [UPSTREAM], help: 'How many of them are allowed in 10 seconds.' },
  {
    ...GAUGE,
    name: 'sluice_resource_in_use',
    labels: [BOUNDED_UPSTREAM, RESOURCE],
    help: 'What the upstream has now, of what `resources` bounds.',
  },
  {
    ...COUNTER,
    name: 'sluice_resource_refused_total',
    labels: [BOUNDED_UPSTREAM, RESOURCE],
    help: 'Requests, connections or retries beyond these bounds.',
  },
  {
    ...COUNTER,
    name: 'sluice_mirror_requests_total',
    labels: [MIRRORED_ROUTE, { name: 'result', values: MIRROR_RESULTS }],
    help: 'Copies of requests for the shadow upstream of the route, by what became of them.',
  },
  {
    ...GAUGE,
    name: 'sluice_mirror_compared',
    labels: [MIRRORED_ROUTE],
    help: 'Requests whose answers have been compared for the verdict.',
  },
  {
    ...GAUGE,
    name: 'sluice_mirror_verdict',
    labels: [MIRRORED_ROUTE],
    help: 'Whether the shadow answers as the live upstream: 0 = not known yet, 1 = the same, 2 = it differs.',
  },
  {
    ...COUNTER,
    name: 'sluice_faults_total',
    labels: [
      { name: 'route', from: 'faulty-route' },
      { name: 'kind', values: FAULT_KINDS },
    ],
    help: 'What was done to requests on purpose, for a drill.',
  },
] as const satisfies readonly MetricRow[];
