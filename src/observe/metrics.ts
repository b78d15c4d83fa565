import {
  CACHE_RESULTS,
  CODE_CLASSES,
  CONNECTION_STATES,
  DEATH_REASONS,
  DISK_FETCH_RESULTS,
  FAILURE_KINDS,
  FILL_FAILURES,
  FILTER_PHASES,
  IDEMPOTENCY_RESULTS,
  LIMIT_RESULTS,
  PURGE_KINDS,
  REFUSAL_REASONS,
  RELOAD_RESULTS,
  FALLBACK_KINDS,
  HEDGE_RESULTS,
  RETRY_GIVEN_UP_REASONS,
  RETRY_REASONS,
  SHED_PRIORITIES,
  TAKEOVER_KINDS,
  TIMEOUT_KINDS,
  UNCACHEABLE_REASONS,
  WAIT_ENDS,
} from './labels.ts';
import { BREAKER_METRICS } from './breaker-metrics.ts';
import { HEALTH_METRICS } from './health-metrics.ts';
import { BYTE_COUNTER, BYTES, COUNTER, GAUGE, type MetricRow, TIMES } from './metric-row.ts';

const ROUTE = { name: 'route', from: 'route' } as const;
const CACHED_ROUTE = { name: 'route', from: 'cached-route' } as const;
const SHARING_ROUTE = { name: 'route', from: 'sharing-route' } as const;
const LISTENER = { name: 'listener', from: 'listener' } as const;
const UPSTREAM = { name: 'upstream', from: 'upstream' } as const;
const ADAPTIVE = { name: 'upstream', from: 'adaptive-upstream' } as const;
const ENDPOINT = { name: 'endpoint', from: 'endpoint' } as const;

/** Every metric there is. A new one is one row here, and a slot where it is counted. */
export const METRICS = [
  // Requests
  {
    ...COUNTER,
    name: 'sluice_requests_total',
    labels: [ROUTE, { name: 'code', values: CODE_CLASSES }],
    help: 'Requests that ended, by route and class of the status sent; route "none" where none matched.',
  },
  {
    ...TIMES,
    name: 'sluice_request_duration_seconds',
    labels: [ROUTE],
    help: 'From the whole request head to the last byte of the answer.',
  },
  {
    ...COUNTER,
    name: 'sluice_refused_requests_total',
    labels: [LISTENER, { name: 'reason', values: REFUSAL_REASONS }],
    help: 'Requests refused before any route or upstream was asked.',
  },
  { ...COUNTER, name: 'sluice_client_aborts_total', labels: [ROUTE], help: 'Requests whose client went away before the answer was whole.' },
  {
    ...COUNTER,
    name: 'sluice_body_cuts_total',
    labels: [ROUTE],
    help: 'Answers that broke off and were cut, so that no client takes them for complete.',
  },
  { ...COUNTER, name: 'sluice_timeouts_total', labels: [{ name: 'kind', values: TIMEOUT_KINDS }], help: 'Clocks that ran out, by kind.' },
  {
    ...COUNTER,
    name: 'sluice_filter_errors_total',
    labels: [ROUTE, { name: 'phase', values: FILTER_PHASES }],
    help: 'Filters that threw or hung, by phase.',
  },
  // Clients
  { ...GAUGE, name: 'sluice_client_connections', labels: [LISTENER], help: 'Client connections open now.' },
  { ...COUNTER, name: 'sluice_client_connections_accepted_total', labels: [LISTENER], help: 'Client connections accepted.' },
  { ...GAUGE, name: 'sluice_requests_in_flight', labels: [], help: 'Requests being served now.' },
  {
    ...BYTES,
    name: 'sluice_held_body_bytes',
    labels: [],
    help: 'Bodies held by workers until they are whole, for idempotency keys and QUERY.',
  },
  { ...BYTE_COUNTER, name: 'sluice_client_received_bytes_total', labels: [LISTENER], help: 'Body bytes received from clients.' },
  { ...BYTE_COUNTER, name: 'sluice_client_sent_bytes_total', labels: [LISTENER], help: 'Body bytes sent to clients.' },
  // Upstreams
  { ...COUNTER, name: 'sluice_upstream_requests_total', labels: [UPSTREAM, ENDPOINT], help: 'Attempts sent to an endpoint.' },
  {
    ...COUNTER,
    name: 'sluice_upstream_failures_total',
    labels: [UPSTREAM, { name: 'kind', values: FAILURE_KINDS }],
    help: 'Attempts that failed, by kind.',
  },
  {
    ...COUNTER,
    name: 'sluice_upstream_retries_total',
    labels: [UPSTREAM, { name: 'reason', values: RETRY_REASONS }],
    help: 'Requests that were sent once more.',
  },
  {
    ...COUNTER,
    name: 'sluice_upstream_retries_given_up_total',
    labels: [UPSTREAM, { name: 'reason', values: RETRY_GIVEN_UP_REASONS }],
    help: 'Requests that were not sent once more although the policy says so.',
  },
  {
    ...COUNTER,
    name: 'sluice_upstream_hedges_total',
    labels: [UPSTREAM, { name: 'result', values: HEDGE_RESULTS }],
    help: 'Second tries beside a first one that took long.',
  },
  {
    ...GAUGE,
    unit: 'seconds',
    name: 'sluice_upstream_hedge_delay_seconds',
    labels: [UPSTREAM],
    help: 'How long a first try may take before a second one begins, where that is a percentile.',
  },
  {
    ...COUNTER,
    name: 'sluice_fallbacks_total',
    labels: [ROUTE, { name: 'kind', values: FALLBACK_KINDS }],
    help: 'Requests that were answered in place of an upstream that failed.',
  },
  { ...TIMES, name: 'sluice_upstream_response_seconds', labels: [UPSTREAM], help: 'From the request sent to the head of the answer.' },
  { ...COUNTER, name: 'sluice_upstream_connects_total', labels: [UPSTREAM, ENDPOINT], help: 'Connections opened.' },
  {
    ...COUNTER,
    name: 'sluice_upstream_connect_failures_total',
    labels: [UPSTREAM, ENDPOINT],
    help: 'Connections that could not be opened.',
  },
  {
    ...COUNTER,
    name: 'sluice_upstream_connections_reused_total',
    labels: [UPSTREAM, ENDPOINT],
    help: 'Attempts on a connection that had served before.',
  },
  {
    ...COUNTER,
    name: 'sluice_upstream_stale_connections_total',
    labels: [UPSTREAM, ENDPOINT],
    help: 'Connections that turned out to be closed by the endpoint when they were to be used again.',
  },
  {
    ...GAUGE,
    name: 'sluice_upstream_connections',
    labels: [UPSTREAM, ENDPOINT, { name: 'state', values: CONNECTION_STATES }],
    help: 'Connections open now.',
  },
  { ...GAUGE, name: 'sluice_upstream_pending', labels: [UPSTREAM], help: 'Requests that wait for a connection now.' },
  {
    ...COUNTER,
    name: 'sluice_upstream_pool_overflows_total',
    labels: [UPSTREAM],
    help: 'Requests refused because too many waited already.',
  },
  // Adaptive limits of upstreams
  { ...GAUGE, name: 'sluice_adaptive_limit', labels: [ADAPTIVE], help: 'Requests that the upstream may have at once.' },
  { ...GAUGE, name: 'sluice_adaptive_in_flight', labels: [ADAPTIVE], help: 'Requests that wait for the head of an answer.' },
  {
    ...GAUGE,
    unit: 'seconds',
    name: 'sluice_adaptive_base_seconds',
    labels: [ADAPTIVE],
    help: 'Response time of the upstream without a queue, as far as known.',
  },
  {
    ...GAUGE,
    unit: 'seconds',
    name: 'sluice_adaptive_sample_seconds',
    labels: [ADAPTIVE],
    help: 'Response time by which the limit was last changed.',
  },
  {
    ...COUNTER,
    name: 'sluice_adaptive_shed_total',
    labels: [ADAPTIVE, { name: 'priority', values: SHED_PRIORITIES }],
    help: 'Requests not sent to the upstream since it had as many as it can take.',
  },
  ...BREAKER_METRICS,
  ...HEALTH_METRICS,
  // The cache
  {
    ...COUNTER,
    name: 'sluice_cache_requests_total',
    labels: [CACHED_ROUTE, { name: 'result', values: CACHE_RESULTS }],
    help: 'Requests of routes that cache, by what the cache did for them.',
  },
  { ...COUNTER, name: 'sluice_cache_stored_total', labels: [CACHED_ROUTE], help: 'Answers put into the cache.' },
  {
    ...COUNTER,
    name: 'sluice_cache_uncacheable_total',
    labels: [{ name: 'reason', values: UNCACHEABLE_REASONS }],
    help: 'Answers that were not stored, by reason.',
  },
  { ...COUNTER, name: 'sluice_cache_evicted_total', labels: [], help: 'Objects that made room for others.' },
  {
    ...COUNTER,
    name: 'sluice_cache_purged_total',
    labels: [{ name: 'kind', values: PURGE_KINDS }],
    help: 'Objects purged or marked stale by command, by kind of command.',
  },
  { ...GAUGE, name: 'sluice_cache_objects', labels: [], help: 'Objects in the shared memory of the cache.' },
  { ...BYTES, name: 'sluice_cache_bytes', labels: [], help: 'Bytes of the objects: keys, heads, bodies.' },
  { ...BYTES, name: 'sluice_cache_limit_bytes', labels: [], help: 'Shared memory of the cache, its tables included.' },
  { ...BYTES, name: 'sluice_cache_free_bytes', labels: [], help: 'Bytes for objects that are free.' },
  { ...BYTES, name: 'sluice_cache_largest_free_bytes', labels: [], help: 'The longest free piece; far below the free bytes: fragmented.' },
  {
    ...COUNTER,
    name: 'sluice_cache_lock_timeouts_total',
    labels: [],
    help: 'Writes given up because the lock of the store was not to be had.',
  },
  {
    ...COUNTER,
    name: 'sluice_cache_failed_fills_total',
    labels: [{ name: 'reason', values: FILL_FAILURES }],
    help: 'Objects that were begun and not published.',
  },
  { ...COUNTER, name: 'sluice_cache_recoveries_total', labels: [], help: 'Repairs after a worker ended in the middle of a write.' },
  // The disk tier of the cache
  { ...GAUGE, name: 'sluice_cache_disk_objects', labels: [], help: 'Objects of the cache on disk.' },
  { ...BYTES, name: 'sluice_cache_disk_bytes', labels: [], help: 'What they take there, their index included.' },
  { ...BYTES, name: 'sluice_cache_disk_limit_bytes', labels: [], help: 'What they may take there.' },
  {
    ...GAUGE,
    name: 'sluice_cache_disk_writable',
    labels: [],
    help: '1 while this process writes to the disk; 0: another one does, or it cannot be written to.',
  },
  { ...COUNTER, name: 'sluice_cache_disk_written_total', labels: [], help: 'Objects written to disk, or updated there.' },
  { ...BYTE_COUNTER, name: 'sluice_cache_disk_written_bytes_total', labels: [], help: 'Bytes of their bodies.' },
  {
    ...COUNTER,
    name: 'sluice_cache_disk_fetches_total',
    labels: [{ name: 'result', values: DISK_FETCH_RESULTS }],
    help: 'Questions of workers to the disk, by whether it had something.',
  },
  { ...COUNTER, name: 'sluice_cache_disk_evicted_total', labels: [], help: 'Objects on disk that made room for others.' },
  { ...COUNTER, name: 'sluice_cache_disk_dropped_total', labels: [], help: 'Objects not written because too many waited already.' },
  { ...COUNTER, name: 'sluice_cache_disk_damaged_total', labels: [], help: 'Bodies on disk that were not what was written.' },
  { ...COUNTER, name: 'sluice_cache_disk_failures_total', labels: [], help: 'Reads and writes that the disk refused.' },
  // Requests that share an answer
  { ...COUNTER, name: 'sluice_collapsed_total', labels: [SHARING_ROUTE], help: 'Requests answered by what another one was fetching.' },
  {
    ...COUNTER,
    name: 'sluice_leader_takeovers_total',
    labels: [{ name: 'how', values: TAKEOVER_KINDS }],
    help: 'Fetches that another request went on with, anew or from where they broke off.',
  },
  {
    ...COUNTER,
    name: 'sluice_uncacheable_releases_total',
    labels: [SHARING_ROUTE],
    help: 'Requests that had waited for an answer that may not be shared, and went alone.',
  },
  {
    ...COUNTER,
    name: 'sluice_collapse_waits_over_total',
    labels: [SHARING_ROUTE, { name: 'why', values: WAIT_ENDS }],
    help: 'Requests that went alone since a limit of waiting was reached.',
  },
  {
    ...COUNTER,
    name: 'sluice_dedupe_total',
    labels: [{ name: 'route', from: 'deduped-route' }],
    help: 'Requests answered by an identical one that was under way.',
  },
  {
    ...COUNTER,
    name: 'sluice_dedupe_refused_total',
    labels: [{ name: 'route', from: 'deduped-route' }],
    help: 'Requests not sent on, since an identical one may have been carried out and its answer is not for them.',
  },
  {
    ...COUNTER,
    name: 'sluice_idempotency_total',
    labels: [
      { name: 'route', from: 'keyed-route' },
      { name: 'result', values: IDEMPOTENCY_RESULTS },
    ],
    help: 'Requests of routes that keep answers by Idempotency-Key, by what became of them.',
  },
  { ...GAUGE, name: 'sluice_idempotency_records', labels: [], help: 'Idempotency keys that are remembered.' },
  { ...BYTES, name: 'sluice_idempotency_bytes', labels: [], help: 'What their records take on disk.' },
  { ...BYTES, name: 'sluice_idempotency_limit_bytes', labels: [], help: 'What they may take there.' },
  {
    ...COUNTER,
    name: 'sluice_idempotency_dropped_answers_total',
    labels: [],
    help: 'Answers dropped before their time for want of room; their keys are still known.',
  },
  { ...COUNTER, name: 'sluice_idempotency_failures_total', labels: [], help: 'Reads and writes of records that the disk refused.' },
  // Limits and quotas
  {
    ...COUNTER,
    name: 'sluice_limit_requests_total',
    labels: [
      { name: 'route', from: 'limited-route' },
      { name: 'limit', from: 'limit' },
      { name: 'result', values: LIMIT_RESULTS },
    ],
    help: 'Requests that met a limit or a quota, by what it said to them.',
  },
  { ...GAUGE, name: 'sluice_limit_waiting', labels: [], help: 'Requests that wait their turn now.' },
  { ...GAUGE, name: 'sluice_limit_keys', labels: [], help: 'Keys of limits that are not full, as far as swept.' },
  { ...GAUGE, name: 'sluice_limit_max_keys', labels: [], help: 'Keys for which there is room.' },
  { ...COUNTER, name: 'sluice_limit_reclaimed_total', labels: [], help: 'Keys forgotten since they were idle.' },
  {
    ...COUNTER,
    name: 'sluice_limit_crowded_total',
    labels: [],
    help: 'Decisions of limits for keys that found no room and shared some with others.',
  },
  { ...COUNTER, name: 'sluice_limit_recovered_total', labels: [], help: 'Requests in flight of dead workers that limits count no longer.' },
  { ...GAUGE, name: 'sluice_quota_keys', labels: [], help: 'Quotas of which something is used.' },
  { ...COUNTER, name: 'sluice_quota_crowded_total', labels: [], help: 'Decisions of quotas that found no room.' },
  { ...COUNTER, name: 'sluice_quota_written_total', labels: [], help: 'Quotas written to the store.' },
  { ...COUNTER, name: 'sluice_quota_failures_total', labels: [], help: 'Writes of quotas that the disk refused.' },
  // The process
  {
    ...GAUGE,
    name: 'sluice_build_info',
    labels: [
      { name: 'version', from: 'runtime' },
      { name: 'node', from: 'runtime' },
    ],
    help: 'Always 1; tells the versions.',
  },
  { ...GAUGE, unit: 'seconds', name: 'sluice_uptime_seconds', labels: [], help: 'Since the process began.' },
  { ...GAUGE, unit: 'bytes', name: 'sluice_process_resident_memory_bytes', labels: [], help: 'Resident memory of the whole process.' },
  { ...GAUGE, name: 'sluice_workers', labels: [], help: 'Workers that accept now.' },
  {
    ...COUNTER,
    name: 'sluice_worker_restarts_total',
    labels: [{ name: 'reason', values: DEATH_REASONS }],
    help: 'Workers replaced, by what ended the old one.',
  },
  {
    ...GAUGE,
    unit: 'seconds',
    per: 'worker',
    name: 'sluice_worker_loop_lag_seconds',
    labels: [],
    help: 'How late the latest timer of the event loop came.',
  },
  { ...GAUGE, unit: 'bytes', per: 'worker', name: 'sluice_worker_heap_bytes', labels: [], help: 'JavaScript heap in use.' },
  {
    ...COUNTER,
    name: 'sluice_exceptions_total',
    labels: [],
    help: 'Exceptions in the programme, each of which cost a request or a worker.',
  },
  {
    ...COUNTER,
    name: 'sluice_reloads_total',
    labels: [{ name: 'result', values: RELOAD_RESULTS }],
    help: 'Loads of the configuration after the first.',
  },
  {
    ...COUNTER,
    name: 'sluice_access_log_dropped_total',
    labels: [],
    help: 'Access-log records dropped because the log could not be written fast enough.',
  },
  {
    ...GAUGE,
    name: 'sluice_metric_label_sets_overflowed',
    labels: [],
    help: 'Label sets that found no cells and are counted under "other".',
  },
] as const satisfies readonly MetricRow[];

type Row = (typeof METRICS)[number];
export type MetricName = Row['name'];
/** The labels a metric must be given, all of them. */
export type LabelsOf<Name extends MetricName> = Readonly<Record<Extract<Row, { name: Name }>['labels'][number]['name'], string>>;

const BY_NAME: ReadonlyMap<string, MetricRow> = new Map(METRICS.map((row) => [row.name, row]));

export function rowOf(name: string): MetricRow | undefined {
  return BY_NAME.get(name);
}
