-- $1 operation  $2 jobs, in the order in which it acts on them
insert into operations.items (operation, position, job_id, fingerprint)
select $1, asked.position, asked.id, d.fingerprint
from unnest($2::text[]) with ordinality as asked (id, position)
left join jobs.dead_letters d on d.id = asked.id
