with dead as (
    delete from jobs.dead_letters where id = any($1) and discarded_at is null and archived_at is null
    returning *
),
history as (
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at, next_run_at)
    select id, queue, kind, attempts, 'redriven', $2, $3, tenant_id, now(), now()
    from dead
)
insert into apalis.jobs (
    id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata, seq, ordering_key, subject,
    tenant_id, correlation_id, causation_id, traceparent, created_at, redrives, deferred)
select id, queue, kind, payload, case when attempts > 0 then 'Failed' else 'Pending' end, attempts, attempts + 1, now(),
       priority, coalesce((select hstore(array_agg(m.key), array_agg(m.value)) from jsonb_each_text(metadata) m), ''),
       seq, ordering_key, subject, tenant_id, correlation_id, causation_id, traceparent, created_at, redrives + 1,
       -- comes before the later jobs of its key, also those that are claimed apart
       ordering_key is not null
from dead
order by seq
returning id, job_type as queue
