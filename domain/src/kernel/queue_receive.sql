-- An event that a group has already makes no second job, also when it stands twice in this batch:
-- only the job whose id got into the inbox is inserted.
with arrived as (
    select *
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::integer[], $7::text[], $8::text[],
                $9::text[], $10::text[])
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
)
insert into apalis.jobs (
    id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata,
    ordering_key, subject, tenant_id, correlation_id, causation_id, traceparent)
select a.job_id, a.consumer, $11, a.payload, 'Pending', 0, a.max_attempts, now(), 0, '',
       a.subject, a.subject, a.tenant_id, a.correlation_id, a.event_id, a.traceparent
from arrived a join fresh f on f.job_id = a.job_id
order by a.position
