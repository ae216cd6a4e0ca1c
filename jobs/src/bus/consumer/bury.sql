-- They never were jobs of the hot table: they get their place in the order now, and have no key, so
-- that they hold nobody back.
with messages as (
    select *
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::integer[], $7::text[], $8::text[])
        as m(id, consumer, error, error_class, payload, max_attempts, subject, correlation_id)
),
buried as (
    insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
        max_attempts, crashes, redrives, priority, subject, correlation_id, created_at, holds_key)
    select id, consumer, $9, nextval(pg_get_serial_sequence('apalis.jobs', 'seq')), 'undecodable', error, error_class,
           payload, '{}', 1, max_attempts, 0, 0, 0, subject, correlation_id, now(), false
    from messages
)
insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, started_at, ended_at)
select id, consumer, $9, 1, 'dead', error, error_class, 'consumer:' || consumer, now(), now()
from messages
