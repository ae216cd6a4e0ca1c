-- $1 stream  $2 type  $3 aggregate  $4 all modules  $5 actor  $6 correlation id  $7 from  $8 to
-- $9, $10 time and position of the row before  $11 limit
--
-- For filters by who, what or why: the planner takes the index of one of them, and looks at the rest
-- row by row. The modules are named because the index of aggregates begins with them.
select e.position, e.id, e.type as event_type, e.source, e.subject, e.occurred_at, e.sequence, e.tenant_id, e.actor,
       e.correlation_id, e.causation_id, e.traceparent, e.data_version, e.data::text as "data!"
from kernel.events e
where ($1::text is null or e.module = $1)
  and ($2::text is null or e.type = $2)
  and ($3::uuid is null or (e.aggregate_id = $3 and e.module = any($4::text[])))
  and ($5::text is null or e.actor = $5)
  and ($6::text is null or e.correlation_id = $6)
  and ($7::timestamptz is null or e.occurred_at >= $7)
  and ($8::timestamptz is null or e.occurred_at < $8)
  and ($9::timestamptz is null or (e.occurred_at, e.position) < ($9, $10::bigint))
order by e.occurred_at desc, e.position desc
limit $11
