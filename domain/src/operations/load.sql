-- $1 most jobs that are counted, of each queue and place  $2 tenants that are named, of each queue
--
-- A tenant's name has no underscore, so that `_none` and `_other` are nobody's. What was ever held by a worker is of a
-- queue in jobs.queues; the others are found by hopping along the indexes of what waits. Each part of a queue walks
-- one index; what is held, and who is suspect, are few.
with recursive live_queue (name) as (
    (select j.job_type from apalis.jobs j where j.lock_by is null and not j.deferred and not j.suspect
     order by j.job_type limit 1)
    union all
    select (select j.job_type from apalis.jobs j
            where j.lock_by is null and not j.deferred and not j.suspect and j.job_type > q.name
            order by j.job_type limit 1)
    from live_queue q where q.name is not null
),
deferred_queue (name) as (
    (select j.job_type from apalis.jobs j where j.deferred order by j.job_type limit 1)
    union all
    select (select j.job_type from apalis.jobs j where j.deferred and j.job_type > q.name
            order by j.job_type limit 1)
    from deferred_queue q where q.name is not null
),
known as (
    select name from jobs.queues
    union select name from live_queue where name is not null
    union select name from deferred_queue where name is not null
),
counted as materialized (
    select k.name as queue, coalesce(j.tenant_id, '_none') as tenant, j.state, count(*) as jobs,
           count(*) filter (where j.due_at <= now()) as due, min(j.due_at) as oldest_due
    from known k
    cross join lateral (
        (select j.tenant_id, j.created_at as due_at,
                case when j.waiting_for is not null then 'waiting' when j.attempts > 0 then 'retrying'
                     else 'pending' end as state
         from apalis.jobs j
         where j.job_type = k.name and j.lock_by is null and not j.deferred and not j.suspect
         order by j.priority desc, j.seq limit $1)
        union all
        (select j.tenant_id, j.run_at,
                case when j.waiting_for is not null then 'waiting' when j.attempts > 0 then 'retrying'
                     when j.run_at > now() then 'scheduled' else 'pending' end
         from apalis.jobs j
         where j.job_type = k.name and j.deferred
         order by j.run_at limit $1)
        union all
        (select j.tenant_id, j.created_at, case when j.attempts > 0 then 'retrying' else 'pending' end
         from apalis.jobs j
         where j.job_type = k.name and j.suspect and j.lock_by is null and not j.deferred
         limit $1)
    ) j
    group by k.name, j.tenant_id, j.state
    union all
    select j.job_type, coalesce(j.tenant_id, '_none'), 'running', count(*), count(*), null
    from apalis.jobs j
    where j.lock_by is not null
    group by j.job_type, j.tenant_id
),
ranked as (
    select queue, tenant, row_number() over (partition by queue order by sum(due) desc, tenant) as place
    from counted
    where tenant <> '_none'
    group by queue, tenant
),
named as (
    select c.queue, case when r.place > $2 then '_other' else c.tenant end as tenant, c.state, c.jobs, c.due, c.oldest_due
    from counted c
    left join ranked r on r.queue = c.queue and r.tenant = c.tenant
)
select k.name as "queue!", n.tenant as "tenant?", n.state as "state?", coalesce(sum(n.jobs), 0)::bigint as "jobs!",
       coalesce(sum(n.due), 0)::bigint as "due!",
       greatest(extract(epoch from now() - min(n.oldest_due)), 0)::double precision as "oldest_due_seconds!"
from known k
left join named n on n.queue = k.name
group by k.name, n.tenant, n.state
