-- The payload that each of these dead letters gets, and what was made of it: $1 jobs  $2 payloads  $3 ids of the rows
-- $4 who  $5 why  $6 the merge patch
with edited as (
    select d.id, d.queue, d.payload as before, e.payload as after, e.row_id
    from unnest($1::text[], $2::bytea[], $3::uuid[]) as e (id, payload, row_id)
    join jobs.dead_letters d on d.id = e.id
    for update of d
),
kept as (
    insert into jobs.edits (id, job_id, queue, edited_by, reason, patch, before, after)
    select row_id, id, queue, $4, $5, $6, before, after from edited
)
update jobs.dead_letters d set payload = e.after
from edited e
where d.id = e.id
