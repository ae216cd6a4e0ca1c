select o.id as "id!", o.queue as "queue!", o.kind as "kind!", o.state as "state!: JobState", o.tenant_id as tenant,
       o.subject, o.ordering_key, o.correlation_id, o.attempts as "attempts!", o.redrives as "redrives!",
       o.created_at as "created_at!", o.next_run_at, o.ended_at, o.worker, o.reason as "reason: DeadReason", o.error,
       o.fingerprint, o.max_attempts, o.crashes, o.causation_id, o.traceparent, o.started_at, o.waiting_for, o.blocked_by, o.payload,
       o.metadata, o.holds_key, o.discarded_at, o.discarded_by, o.discard_reason,
       o.archived_at, o.archived_by, o.archive_reason
from jobs.overview o
where o.id = $1
