with kept as (
    update jobs.dead_letters
    set archived_at = now(), archived_by = $2, archive_reason = $3, holds_key = false
    where id = any($1) and discarded_at is null and archived_at is null
    returning *
),
history as (
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
    select id, queue, kind, attempts, 'archived', $2, $3, tenant_id, now() from kept order by seq
)
select id as "id!", queue as "queue!" from kept
