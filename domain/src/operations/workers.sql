select w.id as "id!", w.host as "host!", w.pid as "pid!", w.version as "version!", w.queues as "queues!",
       w.started_at as "started_at!", extract(epoch from now() - w.beat_at)::double precision as "beat_age_seconds!",
       w.stopped_at, w.died_at, held.jobs as "jobs_held!"
from jobs.workers w
cross join lateral (select count(*) as jobs from apalis.jobs j where j.lock_by = w.id) held
order by w.stopped_at is null and w.died_at is null desc, w.started_at desc, w.id
limit 500
