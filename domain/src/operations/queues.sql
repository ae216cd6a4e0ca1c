-- Every count is of $1 jobs at most, so that the answer stays quick however many there are.
-- What was ever held by a worker is of a queue in jobs.queues; the others are found by hopping along
-- the indexes of what waits.
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
dead_queue (name) as (
    (select d.queue from jobs.dead_letters d order by d.queue limit 1)
    union all
    select (select d.queue from jobs.dead_letters d where d.queue > q.name order by d.queue limit 1)
    from dead_queue q where q.name is not null
),
known as (
    select name from jobs.queues
    union select name from live_queue where name is not null
    union select name from deferred_queue where name is not null
    union select name from dead_queue where name is not null
)
select k.name as "name!",
       l.pending as "pending!", l.scheduled as "scheduled!", l.running as "running!", l.retrying as "retrying!",
       l.blocked as "blocked!", l.waiting as "waiting!", d.dead as "dead!", a.archived as "archived!", c.completed as "completed_last_day!",
       extract(epoch from now() - l.oldest_due)::double precision as oldest_due_seconds,
       r.per_minute as "completed_per_minute!",
       q.paused_at, q.paused_by, q.pause_reason, q.waiting_for, q.waiting_since
from known k
left join jobs.queues q on q.name = k.name
cross join lateral (
    select count(*) filter (where o.state = 'pending') as pending,
           count(*) filter (where o.state = 'scheduled') as scheduled,
           count(*) filter (where o.state = 'running') as running,
           count(*) filter (where o.state = 'retrying') as retrying,
           count(*) filter (where o.state = 'blocked') as blocked,
           count(*) filter (where o.state = 'waiting') as waiting,
           min(o.next_run_at) filter (where o.next_run_at <= now()) as oldest_due
    from (select o.state, o.next_run_at from jobs.overview o
          where o.place = 'live' and o.queue = k.name limit $1) o
) l
cross join lateral (
    select count(*) as dead
    from (select from jobs.dead_letters d where d.queue = k.name and d.discarded_at is null and d.archived_at is null limit $1) d
) d
cross join lateral (
    select count(*) as archived
    from (select from jobs.dead_letters d where d.queue = k.name and d.archived_at is not null limit $1) d
) a
cross join lateral (
    select count(*) as completed
    from (select from jobs.completed c
          where c.queue = k.name and c.state = 'completed' and c.completed_at > now() - interval '1 day' limit $1) c
) c
cross join lateral (
    -- of the last five minutes, or of the newest 10,000 if those took less
    select case when count(*) < 10000 then count(*) / 5.0
                else count(*) * 60 / greatest(extract(epoch from now() - min(c.completed_at)), 0.001)
           end::double precision as per_minute
    from (select c.completed_at from jobs.completed c
          where c.queue = k.name and c.state = 'completed' and c.completed_at > now() - interval '5 minutes'
          order by c.completed_at desc limit 10000) c
) r
order by k.name
