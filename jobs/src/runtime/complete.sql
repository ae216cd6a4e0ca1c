with done as (
    delete from apalis.jobs j
    using unnest($1::text[], $2::integer[], $3::bigint[]) as d(id, claims, started_ago)
    -- `is not distinct from` means `=` here, but keeps the planner from looking each job up among all
    -- that this worker holds instead of by its id
    where j.id = d.id and j.lock_by is not distinct from $4 and j.claims = d.claims
    returning j.*, d.started_ago
),
kept as (
    insert into jobs.completed (
        id, queue, kind, seq, state, attempt, redrives, tenant_id, subject, ordering_key, correlation_id,
        traceparent, error, payload, worker, created_at, started_at, completed_at)
    select id, job_type, coalesce(kind, job_type), seq, 'completed', attempts + 1, redrives, tenant_id, subject,
           ordering_key, correlation_id, traceparent,
           case when attempts > 0 then (select e.error from jobs.last_errors e where e.job_id = done.id) end,
           case when $5::boolean then job end, $4, created_at,
           now() - started_ago * interval '1 millisecond', now()
    from done
),
-- kept as long as the event itself; a second confirm of the same event changes nothing
published as (
    insert into jobs.publications (job_id, published_at, attempt)
    select id, now(), attempts + 1 from done where kind = 'publish-event.v1'
    on conflict do nothing
)
select id as "id!" from done
