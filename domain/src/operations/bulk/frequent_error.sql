-- What most of a step's items failed with: $1 operation, $2 the step began after this position, $3 only what failed
-- as before.
select left(a.error, 300) as "error!"
from (
    select i.failed_with, min(i.job_id) as job_id
    from operations.items i
    where i.operation = $1 and i.position > $2 and i.result = 'failed'
      and (not $3::boolean or i.failed_with = i.fingerprint)
    group by i.failed_with
    order by count(*) desc, i.failed_with
    limit 1) most
cross join lateral (
    select a.error from jobs.attempts a
    where a.job_id = most.job_id and a.outcome in ('failed', 'dead', 'crashed') and a.error is not null
    order by a.position desc limit 1) a
