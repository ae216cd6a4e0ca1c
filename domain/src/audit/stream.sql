-- $1 all modules  $2 aggregate  $3, $4 sequence and position of the row before  $5 limit
--
-- An aggregate is numbered within its module: should two modules have one with the same id, the events of
-- both are shown, each in its order. A correction has the sequence of what it corrects, and comes after it.
select e.position as "position!", e.id as "id!", e.type as "event_type!", e.source as "source!",
       e.subject as "subject!", e.occurred_at as "occurred_at!", e.sequence as "sequence!", e.tenant_id as "tenant_id!",
       e.actor as "actor!", e.correlation_id as "correlation_id!", e.causation_id as "causation_id!", e.traceparent,
       e.data_version as "data_version!", e.data::text as "data!"
from unnest($1::text[]) as m (module)
cross join lateral (
    select e.*
    from kernel.events e
    where e.module = m.module and e.aggregate_id = $2
      and ($3::bigint is null or (e.sequence, e.position) > ($3, $4::bigint))
    order by e.sequence, e.position
    limit $5) e
order by e.sequence, e.position
limit $5
