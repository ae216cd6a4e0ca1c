insert into kernel.events (
    id, type, source, subject, occurred_at, module, aggregate_id, sequence, data, job_id,
    tenant_id, actor, correlation_id, causation_id, traceparent)
select new.id, new.type, new.source, new.subject, new.occurred_at, new.module, new.aggregate_id, new.sequence,
       new.data::jsonb, new.job_id, $11, $12, $13, $14, $15
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::uuid[], $8::bigint[],
            $9::text[], $10::text[])
     with ordinality as new(id, type, source, subject, occurred_at, module, aggregate_id, sequence, data, job_id, position)
order by new.position
