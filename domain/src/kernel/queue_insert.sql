insert into apalis.jobs (
    id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata,
    ordering_key, subject, deferred, tenant_id, correlation_id, causation_id, traceparent)
select new.id, new.queue, new.kind, new.payload, 'Pending', 0, new.max_attempts,
       now() + new.delay_ms * interval '1 millisecond', new.priority, '',
       new.ordering_key, new.subject, new.delay_ms > 0, $10, $11, $12, $13
from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::integer[], $6::integer[], $7::bigint[],
            $8::text[], $9::text[])
     with ordinality as new(id, queue, kind, payload, max_attempts, priority, delay_ms, ordering_key, subject, position)
order by new.position
