-- Counted along dead_letters_groups_idx; a group has one queue and one class.
select d.queue as "queue!", d.error_class as "error_class!", sum(g.jobs)::bigint as "count!"
from (select fingerprint, count(*) as jobs, max(id) as newest
      from jobs.dead_letters where discarded_at is null and archived_at is null group by fingerprint) g
join jobs.dead_letters d on d.id = g.newest
group by d.queue, d.error_class
order by d.queue, d.error_class
