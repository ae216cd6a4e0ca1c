with gone as (
    delete from apalis.jobs where id = any($1)
    returning *
),
history as (
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, started_at, ended_at,
        next_run_at)
    select id, job_type, kind, n, case n when 6 then 'dead' else 'failed' end, 'connection refused (os error 111)',
           'connection', 'demo-worker', now() - (7 - n) * interval '1 minute', now() - (7 - n) * interval '1 minute',
           case when n < 6 then now() - (6 - n) * interval '1 minute' end
    from gone cross join generate_series(1, 6) n
    order by id, n
)
insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts, max_attempts,
    crashes, redrives, priority, tenant_id, subject, ordering_key, correlation_id, causation_id, traceparent, created_at,
    holds_key)
select id, job_type, kind, seq, 'exhausted', 'connection refused (os error 111)', 'connection', job, '{}', 6, 6, 0, 0,
       priority, tenant_id, subject, ordering_key, correlation_id, causation_id, traceparent, created_at, false
from gone
