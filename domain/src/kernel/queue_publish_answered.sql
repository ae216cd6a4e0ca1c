-- Events, and for each the job that publishes it; the answer under its idempotency key.
with new as (
    select *
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::uuid[], $8::bigint[],
                $9::text[], $10::text[], $11::bytea[])
         with ordinality as new(id, type, source, subject, occurred_at, module, aggregate_id, sequence, data, job_id,
                                payload, position)
),
logged as (
    insert into kernel.events (
        id, type, source, subject, occurred_at, module, aggregate_id, sequence, data, job_id,
        tenant_id, actor, correlation_id, causation_id, traceparent)
    select id, type, source, subject, occurred_at, module, aggregate_id, sequence, data::jsonb, job_id,
           $15, $16, $17, $18, $19
    from new order by position
),
answered as (
    update kernel.idempotency_keys set status = $22, headers = $23, body = $24
    where tenant_id = $15 and actor = $16 and route = $20 and key = $21
)
insert into apalis.jobs (
    id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata,
    ordering_key, subject, deferred, tenant_id, correlation_id, causation_id, traceparent)
select job_id, $12, $13, payload, 'Pending', 0, $14, now(), 0, '', subject, subject, false, $15, $17, $18, $19
from new order by position
