// Every metric there is: its name, what it says, its labels, and how the readings of several
// threads become one. The same list is what a test holds against /metrics.

export interface Family {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** All threads see the same thing: the greatest counts, and not the sum. */
  readonly isShared?: (labels: readonly string[]) => boolean
}

const BUCKET = ['bucket'] as const
const TIER = ['tier'] as const
const REPLICA = ['bucket', 'replica'] as const

const TABLE = {
  sluice_http_requests_total: counter(
    'Requests on the main port that have ended; status 0: the client left before there was an answer.',
    ['bucket', 'method', 'status'],
  ),
  sluice_http_request_duration_seconds: histogram(
    'From the head of the request to the end of the answer.',
    BUCKET,
  ),
  sluice_http_response_bytes_total: counter('Bytes of bodies that were really sent.', BUCKET),
  sluice_http_requests_in_flight: gauge('Requests on the main port that have not ended.'),
  sluice_connections_open: gauge('Open connections on the main port.'),
  sluice_time_to_first_byte_seconds: histogram(
    'From the head of the request to the first byte of the answer, by where that came from.',
    ['bucket', 'source'],
  ),
  sluice_slow_requests_total: counter(
    'Requests that took longer than slow_query allows, without what clients were waited for.',
    BUCKET,
  ),
  sluice_refusals_total: counter('Requests that were refused, by the code of the answer.', [
    'code',
  ]),
  sluice_shed_requests_total: counter(
    'Requests that were turned away because there was too much to do already, by what there was too little of.',
    ['reason'],
  ),
  sluice_shed_ratio: gauge(
    'The part of requests that is turned away for lack of time, of all and of those that need S3.',
    ['of'],
    () => true,
  ),
  sluice_event_loop_delay_seconds: histogram('By how much looks at event loops came late.', []),
  sluice_auth_total: counter('Who was let in to a bucket that asks, and who was not.', [
    'bucket',
    'outcome',
  ]),
  sluice_jwks_refreshes_total: counter('Times an issuer was asked for its keys.', ['outcome']),
  sluice_policy_decisions_total: counter(
    'Requests of which a policy had to decide, remembered decisions too; error: it could not.',
    ['bucket', 'outcome'],
  ),
  sluice_policy_duration_seconds: histogram(
    'Questions to policies that were really asked, from the question to the decision or failure.',
    [],
  ),
  sluice_rate_limited_total: counter('Requests that a limit refused.', ['bucket', 'limit']),
  sluice_cache_requests_total: counter('What the cache made of the requests for a bucket.', [
    'bucket',
    'result',
  ]),
  sluice_cache_collapsed_total: counter(
    'Requests that were answered by what was already being fetched for another.',
    BUCKET,
  ),
  sluice_cache_tier_hits_total: counter('Heads and slices that a tier had.', TIER),
  sluice_cache_tier_misses_total: counter('Heads and slices that a tier had not.', TIER),
  sluice_cache_tier_evictions_total: counter('Entries that went to make room.', TIER),
  sluice_cache_tier_errors_total: counter('Operations of a tier that failed.', TIER),
  sluice_cache_tier_bytes: gauge('What a tier holds.', TIER, isOne),
  sluice_cache_tier_entries: gauge('Heads and slices that a tier holds.', TIER, isOne),
  sluice_cache_fill_bytes: gauge('What slices hold that are still arriving.'),
  sluice_cache_purges_total: counter('Purges ordered here, by the kind of their rule.', ['kind']),
  sluice_prewarm_objects_total: counter('Objects that prewarming brought into the cache.'),
  sluice_prewarm_bytes_total: counter('Bytes of the objects that prewarming brought in.'),
  sluice_origin_requests_total: counter('Requests to S3, by what came of them.', [
    ...REPLICA,
    'outcome',
  ]),
  sluice_origin_request_duration_seconds: histogram(
    'From a request to S3 to the head of its answer, or to its failure.',
    REPLICA,
  ),
  sluice_origin_response_bytes_total: counter('Bytes of bodies that came from S3.', REPLICA),
  sluice_origin_failovers_total: counter(
    'How often one replica was asked in place of another, before the body or in its middle.',
    ['bucket', 'from', 'to', 'phase'],
  ),
  sluice_origin_retries_total: counter('How often a replica was asked once more, and why.', [
    'bucket',
    'reason',
  ]),
  sluice_origin_hedges_total: counter(
    'Second requests because the first was slow, and whether they answered first.',
    ['bucket', 'won'],
  ),
  sluice_replica_healthy: gauge('1 where /ready calls the replica healthy.', REPLICA),
  sluice_circuit_breaker_state: gauge(
    '0 closed, 1 half-open, 2 open, for all threads.',
    REPLICA,
    () => true,
  ),
  sluice_trace_spans_total: counter('Spans, by what became of them.', ['outcome']),
  sluice_audit_records_total: counter(
    'Audit records, by where they go; failed: in attempts that are made again; dropped: lost.',
    ['sink', 'outcome'],
  ),
  sluice_config_reloads_total: counter('Reloads of the configuration, by what came of them.', [
    'outcome',
  ]),
  sluice_config_generation: gauge(
    'The configuration in force in all threads; it grows by one with each reload that succeeds.',
  ),
  sluice_build_info: gauge('1; which version runs on which Node.', ['version', 'node']),
  process_cpu_user_seconds_total: counter('CPU time of the process in user mode.'),
  process_cpu_system_seconds_total: counter('CPU time of the process in the kernel.'),
  process_cpu_seconds_total: counter('CPU time of the process.'),
  process_start_time_seconds: gauge('When the process began, since the epoch.'),
  process_resident_memory_bytes: gauge('Memory of the process that is in RAM.'),
  process_virtual_memory_bytes: gauge('Address space of the process.'),
  process_open_fds: gauge('File descriptors that are open.'),
  process_max_fds: gauge('File descriptors that may be open.'),
  nodejs_heap_size_used_bytes: gauge('JavaScript heaps of all threads, used.'),
  nodejs_heap_size_total_bytes: gauge('JavaScript heaps of all threads.'),
  nodejs_external_memory_bytes: gauge(
    'Memory that JavaScript objects of all threads hold outside.',
  ),
  nodejs_eventloop_active_seconds_total: counter(
    'Time that event loops were busy; a second in each second for a thread that is never idle.',
  ),
} as const satisfies Record<string, Family>

export type FamilyName = keyof typeof TABLE
export const families: Readonly<Record<FamilyName, Family>> = TABLE

function counter(help: string, labels: readonly string[] = []): Family {
  return { kind: 'counter', help, labels }
}

function histogram(help: string, labels: readonly string[]): Family {
  return { kind: 'histogram', help, labels }
}

function gauge(
  help: string,
  labels: readonly string[] = [],
  isShared?: (labels: readonly string[]) => boolean,
): Family {
  return { kind: 'gauge', help, labels, ...(isShared && { isShared }) }
}

/** What a tier keeps is there once, whichever thread tells of it. */
function isOne(): boolean {
  return true
}
