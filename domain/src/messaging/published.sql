-- $1 places looked at, from the end of the log  $2 those seen before  $3 types; none: all
--
-- The time of a publication has no index, which every event would have to pay for: the end of the log is read by
-- its primary key, and each publication by its own.
select e.position, e.id, e.type as event_type, e.source, e.subject, e.occurred_at, e.sequence, e.tenant_id, e.actor,
       e.correlation_id, e.causation_id, e.traceparent, e.data_version, e.data::text as "data!"
from kernel.events e
join jobs.publications p on p.job_id = e.job_id
where e.position > (select max(position) from kernel.events) - $1::bigint
  and e.position <> all ($2::bigint[])
  and (cardinality($3::text[]) = 0 or e.type = any ($3::text[]))
order by p.published_at, e.position
