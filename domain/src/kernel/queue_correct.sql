-- $1 dead letter  $2 actor  $3 why it is discarded  $4 the new event  $5 its time  $6 its data  $7 its job  $8 what that
-- carries  $9 attempts  $10 the event it corrects
--
-- An event in the place of one that could not be published: the same but for its id, time, actor, cause and data. Its
-- job stands where the dead letter stood in the order of its key.
with handled as (
    update jobs.dead_letters
    set discarded_at = now(), discarded_by = $2::text, discard_reason = $3::text, holds_key = false
    where id = $1 and discarded_at is null and archived_at is null
    returning *
),
history as (
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
    select id, queue, kind, attempts, 'discarded', $2::text, $3::text, tenant_id, now() from handled
),
logged as (
    insert into kernel.events (
        id, type, source, subject, occurred_at, module, aggregate_id, sequence, data, job_id,
        tenant_id, actor, correlation_id, causation_id, traceparent, data_version, corrects)
    select $4::uuid, e.type, e.source, e.subject, $5::timestamptz, e.module, e.aggregate_id, e.sequence, $6::text::jsonb,
           $7::text, e.tenant_id, $2::text, e.correlation_id, e.id::text, e.traceparent, e.data_version, e.id
    from handled join kernel.events e on e.id = $10::uuid
)
insert into apalis.jobs (
    id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata, seq,
    ordering_key, subject, deferred, tenant_id, correlation_id, causation_id, traceparent)
select $7::text, queue, kind, $8::bytea, 'Pending', 0, $9::integer, now(), 0, '', seq,
       -- comes before the later jobs of its key, also those that are claimed apart
       ordering_key, subject, ordering_key is not null, tenant_id, correlation_id, $10::uuid::text, traceparent
from handled
returning job_type as queue
