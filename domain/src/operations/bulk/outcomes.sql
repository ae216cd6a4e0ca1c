-- What became of items that were retried: $1 operation, $2 after this position, $3 up to this one, $4 the present
-- step began after this one, $5 limit.
--
-- A job has completed, or what its history says last of its attempts is that it failed, or that it was put back: then
-- nobody knows yet. Each is a look-up by the job's id.
with looked as materialized (
    select i.ctid as row, i.position, i.job_id, i.fingerprint
    from operations.items i
    where i.operation = $1 and i.position > $2 and i.position <= $3 and i.result = 'done'
    order by i.position
    limit $5
),
found as (
    select l.row,
           case c.state when 'completed' then 'succeeded' when 'cancelled' then 'cancelled' else 'failed' end as result,
           case when c.state is null then a.fingerprint end as failed_with
    from looked l
    left join lateral (select c.state from jobs.completed c where c.id = l.job_id limit 1) c on true
    left join lateral (
        select a.outcome, a.fingerprint from jobs.attempts a
        where a.job_id = l.job_id and a.outcome in ('failed', 'dead', 'crashed', 'redriven')
        order by a.position desc limit 1) a on c.state is null
    where c.state is not null or a.outcome <> 'redriven'
),
settled as (
    update operations.items i
    set result = f.result, failed_with = f.failed_with, ended_at = now()
    from found f
    -- nobody else changes them: this turn has the operation
    where i.ctid = f.row
    returning i.position > $4 as of_step, i.result, i.result = 'failed' and i.failed_with = i.fingerprint as alike
)
select (select count(*) from looked)::integer as "looked!", (select max(position) from looked) as last,
       count(*) filter (where result = 'succeeded')::integer as "succeeded!",
       count(*) filter (where result = 'failed')::integer as "failed!",
       count(*) filter (where alike)::integer as "alike!",
       count(*) filter (where result = 'cancelled')::integer as "cancelled!",
       count(*) filter (where of_step and result = 'succeeded')::integer as "step_succeeded!",
       count(*) filter (where of_step and result = 'failed')::integer as "step_failed!",
       count(*) filter (where of_step and alike)::integer as "step_alike!",
       count(*) filter (where of_step and result = 'cancelled')::integer as "step_cancelled!"
from settled
