with stopped as (
    delete from apalis.jobs where id = $1 and lock_by is null
    returning *
),
history as (
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
    select id, job_type, coalesce(kind, job_type), attempts, 'cancelled', $2, $3, tenant_id, now()
    from stopped
)
insert into jobs.completed (
    id, queue, kind, seq, state, attempt, redrives, tenant_id, subject, ordering_key, correlation_id, traceparent,
    error, payload, created_at, completed_at)
select id, job_type, coalesce(kind, job_type), seq, 'cancelled', attempts, redrives, tenant_id, subject, ordering_key,
       correlation_id, traceparent, (select e.error from jobs.last_errors e where e.job_id = stopped.id), job, created_at,
       now()
from stopped
