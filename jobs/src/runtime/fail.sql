-- Fenced: what is no longer this worker's is left alone. Everything else is one statement, so that
-- nobody sees a failed job without its history, or its successors free before it waits.
with ended as (
    select j.*, e.outcome, e.error, e.error_class, e.delay_ms, e.counts, e.reason, e.waiting,
           now() - e.started_ago * interval '1 millisecond' as started,
           now() - e.ended_ago * interval '1 millisecond' as ended
    from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                $8::bigint[], $9::boolean[], $10::text[], $11::text[])
         as e(id, claims, outcome, error, error_class, started_ago, ended_ago, delay_ms, counts, reason, waiting)
    join apalis.jobs j on j.id = e.id
    -- not `=`: see complete.sql
    where j.lock_by is not distinct from $12 and j.claims = e.claims
    for update of j
),
history as (
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, tenant_id,
        started_at, ended_at, next_run_at)
    select id, job_type, coalesce(kind, job_type), attempts + 1, outcome, error, error_class, $12, tenant_id,
           started, ended, case when outcome in ('failed', 'snoozed') then now() + delay_ms * interval '1 millisecond' end
    from ended
),
again as (
    update apalis.jobs j
    set attempts = j.attempts + e.counts::integer,
        status = case when j.attempts + e.counts::integer > 0 then 'Failed' else 'Pending' end,
        run_at = now() + e.delay_ms * interval '1 millisecond',
        -- a suspect's later jobs may be suspects too, which are claimed apart: it bars them, even when due at once
        deferred = e.delay_ms > 0 or j.suspect,
        waiting_for = e.waiting, lock_by = null, lock_at = null,
        -- one that could not be marked has not run: it stays suspect
        suspect = j.suspect and not j.alone, alone = false
    from ended e
    where j.id = e.id and e.outcome in ('failed', 'snoozed', 'unavailable')
),
gone as (
    delete from apalis.jobs j using ended e
    where j.id = e.id and e.outcome in ('dead', 'cancelled')
),
dead as (
    insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
        max_attempts, crashes, redrives, priority, tenant_id, subject, ordering_key, correlation_id, causation_id,
        traceparent, created_at, holds_key)
    select id, job_type, coalesce(kind, job_type), seq, reason, error, error_class, job,
           coalesce(hstore_to_jsonb(metadata), '{}'), attempts + counts::integer, max_attempts, crashes, redrives,
           coalesce(priority, 0), tenant_id, subject, ordering_key, correlation_id, causation_id, traceparent,
           created_at, $13 and ordering_key is not null
    from ended where outcome = 'dead'
),
cancelled as (
    insert into jobs.completed (id, queue, kind, seq, state, attempt, redrives, tenant_id, subject, ordering_key,
        correlation_id, traceparent, error, payload, worker, created_at, started_at, completed_at)
    select id, job_type, coalesce(kind, job_type), seq, 'cancelled', attempts + 1, redrives, tenant_id, subject,
           ordering_key, correlation_id, traceparent,
           case when attempts > 0 then (select e.error from jobs.last_errors e where e.job_id = ended.id) end,
           job, $12, created_at, started, now()
    from ended where outcome = 'cancelled'
),
handed_back as (
    update apalis.jobs j
    set lock_by = null, lock_at = null, alone = false,
        status = case when j.attempts > 0 then 'Failed' else 'Pending' end
    from unnest($14::text[], $15::integer[]) as b(id, claims)
    where j.id = b.id and j.lock_by is not distinct from $12 and j.claims = b.claims
)
select id as "id!" from ended
