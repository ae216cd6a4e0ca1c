with dropped as (
    update jobs.dead_letters
    set discarded_at = now(), discarded_by = $2, discard_reason = $3, holds_key = false
    where id = any($1) and discarded_at is null and archived_at is null
    returning *
),
history as (
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
    select id, queue, kind, attempts, 'discarded', $2, $3, tenant_id, now() from dropped order by seq
)
select id as "id!", queue as "queue!" from dropped
