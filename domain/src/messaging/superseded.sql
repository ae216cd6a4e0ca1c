-- $1 job  $2 type of its event
--
-- The job that comes next for the same aggregate, if a worker holds it as well: it was claimed in the same batch, or
-- in one since. What is held has an index of its own.
select (convert_from(next.job, 'utf8')::jsonb #>> '{event,id}')::uuid as "id!"
from apalis.jobs mine
cross join lateral (
    select n.job, n.kind
    from apalis.jobs n
    where n.job_type = mine.job_type and n.ordering_key = mine.ordering_key and n.seq > mine.seq
      and n.ordering_key is not null and n.lock_by is not null
    order by n.seq
    limit 1) next
where mine.id = $1 and mine.kind = next.kind
  and convert_from(next.job, 'utf8')::jsonb #>> '{event,type}' = $2
