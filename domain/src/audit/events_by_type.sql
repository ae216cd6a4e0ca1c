-- $1 stream  $2 type  $3 from  $4 to  $5, $6 time and position of the row before  $7 limit
--
-- The types there are, found by leaping through their index from one to the next; then a page of each,
-- and of those the newest. So a page costs the same wherever its events lie among those of other types.
with recursive known as (
    (select e.type, e.module from kernel.events e order by e.type limit 1)
    union all
    select next.type, next.module
    from known k
    cross join lateral (
        select e.type, e.module from kernel.events e where e.type > k.type order by e.type limit 1) next
)
select e.position as "position!", e.id as "id!", e.type as "event_type!", e.source as "source!",
       e.subject as "subject!", e.occurred_at as "occurred_at!", e.sequence as "sequence!", e.tenant_id as "tenant_id!",
       e.actor as "actor!", e.correlation_id as "correlation_id!", e.causation_id as "causation_id!", e.traceparent,
       e.data_version as "data_version!", e.data::text as "data!"
from known k
cross join lateral (
    select e.*
    from kernel.events e
    where e.type = k.type
      and ($3::timestamptz is null or e.occurred_at >= $3)
      and ($4::timestamptz is null or e.occurred_at < $4)
      and ($5::timestamptz is null or (e.occurred_at, e.position) < ($5, $6::bigint))
    order by e.occurred_at desc, e.position desc
    limit $7) e
where ($1::text is null or k.module = $1)
  and ($2::text is null or k.type = $2)
order by e.occurred_at desc, e.position desc
limit $7
