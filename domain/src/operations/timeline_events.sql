-- $1 module and  $2 id of an aggregate, or  $3 an event, or  $4 a correlation id  $5 limit
--
-- Each part walks one index for as many rows as are asked for: the aggregate's numbering, the primary key
-- of events, their correlation ids.
with own as materialized (
    (select e.id, e.position, e.correlation_id, e.tenant_id from kernel.events e
     where e.module = $1::text and e.aggregate_id = $2::uuid order by e.sequence limit $5)
    union all
    select e.id, e.position, null, null from kernel.events e where e.id = $3::uuid
),
caused as (
    select e.id, e.position
    -- callers choose correlation ids: what another tenant did under the same one is another story
    from (select correlation_id, tenant_id from own where correlation_id is not null
          union select $4::text, null where $4::text is not null) c
    cross join lateral (
        select e.id, e.position from kernel.events e
        where e.correlation_id = c.correlation_id and (c.tenant_id is null or e.tenant_id = c.tenant_id)
        order by e.position limit $5) e
),
-- what was asked for comes before what goes with it, should there be too much of it
found as (
    select id, min(position) as position, bool_or(asked) as asked
    from (select id, position, true as asked from own union all select id, position, false from caused) f
    group by id
    order by bool_or(asked) desc, min(position)
    limit $5
)
select id as "id!" from found order by position
