-- An event, and the job that publishes it.
with logged as (
    insert into kernel.events (
        id, type, source, subject, occurred_at, module, aggregate_id, sequence, data, job_id,
        tenant_id, actor, correlation_id, causation_id, traceparent, data_version)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10, $15, $16, $17, $18, $19, $20)
)
insert into apalis.jobs (
    id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata,
    ordering_key, subject, deferred, tenant_id, correlation_id, causation_id, traceparent)
values ($10, $12, $13, $11, 'Pending', 0, $14, now(), 0, '', $4, $4, false, $15, $17, $18, $19)
