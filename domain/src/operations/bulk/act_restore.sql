with restored as (
    update jobs.dead_letters d
    set archived_at = null, archived_by = null, archive_reason = null,
        discarded_at = null, discarded_by = null, discard_reason = null
    where id = any($1) and (discarded_at is not null or archived_at is not null)
      -- another event has taken the place of its own: it would be published after its correction
      and not exists (select from jobs.edits e where e.job_id = d.id and e.correction is not null)
    returning *
),
history as (
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
    select id, queue, kind, attempts, 'restored', $2, $3, tenant_id, now() from restored order by seq
)
select id as "id!", queue as "queue!" from restored
