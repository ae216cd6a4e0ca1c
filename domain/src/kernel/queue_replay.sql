-- The events of a step, and the next step, together with moving on: all of it happens once, because only the
-- step whose turn it is finds the row. Events that the group has already make no job.
with held as materialized (
    select r.id from messaging.replays r where r.id = $12 and r.step = $13 and r.state = 'running' for update
),
arrived as (
    select a.*
    from held, unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::integer[], $7::text[],
                      $8::text[], $9::text[], $10::text[])
         with ordinality as a(event_id, source, consumer, job_id, payload, max_attempts, subject, tenant_id,
                              correlation_id, traceparent, position)
),
fresh as (
    -- whoever inserts several does it in this order: two that have the same events wait for each other only once
    insert into kernel.inbox (event_id, source, consumer, tenant_id, job_id)
    select event_id, source, consumer, tenant_id, job_id from arrived
    order by event_id, source, consumer, position
    on conflict (event_id, source, consumer) do nothing
    returning job_id
),
moved as (
    update messaging.replays r
    set cursor = $14, step = r.step + 1, changed_at = now(),
        matched = r.matched + (select count(*) from arrived),
        handed_over = r.handed_over + (select count(*) from fresh),
        state = case when $14 >= r.last_position then 'completed' else r.state end,
        ended_at = case when $14 >= r.last_position then now() end
    from held where r.id = held.id
    returning r.state
)
insert into apalis.jobs (
    id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata,
    ordering_key, subject, deferred, tenant_id, correlation_id, causation_id, traceparent)
select id, queue, kind, payload, 'Pending', 0, max_attempts, now() + delay_ms * interval '1 millisecond', 0, '',
       ordering_key, subject, delay_ms > 0, tenant_id, correlation_id, causation_id, traceparent
from (
    select a.position, a.job_id as id, a.consumer as queue, $11::text as kind, a.payload, a.max_attempts,
           0::bigint as delay_ms, a.subject as ordering_key, a.subject, a.tenant_id, a.correlation_id,
           a.event_id as causation_id, a.traceparent
    from arrived a join fresh f on f.job_id = a.job_id
    union all
    select 0, $15::text, $16::text, $17::text, $18::bytea, $19::integer, $20::bigint, null, 'replays/' || $12::text, null,
           null, $12::text, null
    from moved where moved.state = 'running') new
order by position
