-- Failures that are alike bear the same fingerprint. The tables compute it themselves, so that no way into
-- them forgets it: attempts that failed, jobs that killed their workers, messages that nobody could read.
--
-- Adding the columns rewrites both tables, and locks them meanwhile.

-- The text of an error without what differs from one occurrence to the next: ids, numbers and dates become
-- `#`, quoted values `"…"`, addresses `<email>`; of URLs user and query go. 300 characters at most.
--
-- Ids and numbers share a sign, because an id in hexadecimal may happen to have no letter. What PostgreSQL
-- quotes after the word that says what it is (constraint "customers_email_key") is a name, not a value, and
-- stays; so do names in backticks. Under the collation "C", so that every database finds the same.
create function jobs.error_pattern(p_error text) returns text
    language sql immutable strict parallel safe
    return left(btrim(
        regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        regexp_replace(regexp_replace(
            -- nobody tells errors apart by what comes later
            left(p_error, 1500) collate "C",
            '\s+', ' ', 'g'),
            '(constraint|relation|column|table|index|function|type|role|database|schema|queue|exchange|key) "([[:alpha:]_][[:alnum:]_.-]*)"',
            '\1 \2', 'g'),
            '"([^"\\]|\\.)*"|“[^”]*”|«[^»]*»|(?<![[:alnum:]])''[^'']*''(?![[:alnum:]])', '"…"', 'g'),
            '://[^/?# ]*@', '://', 'g'),
            '(://[^?# ")>]*)[?#][^ ")>]*', '\1?…', 'g'),
            '[^ <>()",;:@/=]+@[^ <>()",;:@/=]+', '<email>', 'g'),
            -- UUIDs; IPv6 addresses; what is long, with letters and digits: ULIDs, hashes, tokens; hexadecimal
            '(?<![[:alnum:]])([[:xdigit:]]{8}(-[[:xdigit:]]{4}){3}-[[:xdigit:]]{12}|(?=[[:alpha:]]*[[:digit:]])[[:alnum:]]{16,}|0[xX][[:xdigit:]]+|(?=[[:alpha:]]*[[:digit:]])[[:xdigit:]]{8,})(?![[:alnum:]])|\[[[:xdigit:]]*:[[:xdigit:].]*:[[:xdigit:]:.]*\]',
            '#', 'g'),
            '[[:digit:]]+([.,:][[:digit:]]+)*', '#', 'g'),
            -- a list of them, however long
            '#(, #)+', '#', 'g')
    ), 300);

-- What failures are grouped by: 16 hexadecimal digits for queue, kind, class, and the pattern of the error.
-- A job that kills its process has nothing to say, and what is written for it counts the crashes.
create function jobs.fingerprint(p_queue text, p_kind text, p_error_class text, p_error text) returns text
    language sql immutable parallel safe
    return case when p_error is not null then left(md5(
        p_queue || E'\n' || p_kind || E'\n' || coalesce(p_error_class, '') || E'\n'
        || case when p_error_class is distinct from 'crash' then jobs.error_pattern(p_error) else '' end), 16) end;

-- computed as whoever inserts
revoke execute on function jobs.error_pattern(text), jobs.fingerprint(text, text, text, text) from public;
grant execute on function jobs.error_pattern(text), jobs.fingerprint(text, text, text, text)
    to portal_admin, portal_worker;

alter table jobs.attempts add column fingerprint text collate "C" generated always as (
    case when outcome in ('failed', 'dead', 'unavailable', 'crashed')
        then jobs.fingerprint(queue, kind, error_class, error) end) stored;

alter table jobs.dead_letters add column fingerprint text collate "C" not null
    generated always as (jobs.fingerprint(queue, kind, error_class, error)) stored;
-- a list is newest first
create index dead_letters_fingerprint_idx on jobs.dead_letters (fingerprint, id);

-- What a job failed with last: the newest failure of its history.
create or replace view jobs.last_errors with (security_invoker = true) as
select distinct on (job_id) job_id, error, error_class, ended_at, fingerprint
from jobs.attempts
where outcome in ('failed', 'dead', 'unavailable', 'crashed') and error is not null
order by job_id, position desc;

-- Every job, in whichever table it is, and the one place that says in which state.
--   place        'live', 'completed' or 'dead': give it as a constant and the other tables are not read
--   attempts     attempts that have ended
--   next_run_at  when a job that is not running is due
--   started_at   of the last attempt, as far as known;  ended_at: completed, cancelled or dead since
--   blocked_by   the first job that holds back a blocked one
--   error        what it failed with last;  fingerprint: of that, once an attempt has failed
--   waiting_for  what it was handed back for, or what its queue waits for
create or replace view jobs.overview with (security_invoker = true) as
select 'live'::text as place, j.id, j.job_type as queue, coalesce(j.kind, j.job_type) as kind, j.seq,
       case
           when j.lock_by is not null then 'running'
           when j.waiting_for is not null then 'waiting'
           when j.run_at > now() and j.attempts = 0 then 'scheduled'
           when j.run_at <= now() and j.ordering_key is not null and (
               exists (
                   select from apalis.jobs b
                   where b.job_type = j.job_type and b.ordering_key = j.ordering_key and b.seq < j.seq
                     and b.ordering_key is not null and (b.lock_by is not null or b.deferred or b.suspect))
               -- asked once for all rows: mostly there are none, and the look-up of each key is saved
               or (select exists (select from jobs.dead_letters where holds_key)) and exists (
                   select from jobs.dead_letters d
                   where d.queue = j.job_type and d.ordering_key = j.ordering_key and d.seq < j.seq and d.holds_key))
               then 'blocked'
           when j.run_at <= now() and w.waiting_for is not null then 'waiting'
           when j.attempts > 0 then 'retrying'
           else 'pending'
       end as state,
       j.tenant_id, j.subject, j.ordering_key, j.correlation_id, j.causation_id, j.traceparent,
       j.attempts, j.max_attempts, j.crashes, j.redrives, j.created_at,
       case when j.lock_by is null then j.run_at end as next_run_at,
       j.lock_at as started_at, null::timestamptz as ended_at, j.lock_by as worker,
       case when j.lock_by is null then coalesce(j.waiting_for, case when j.run_at <= now() then w.waiting_for end) end as waiting_for,
       case when j.lock_by is null and j.waiting_for is null and j.run_at <= now() and j.ordering_key is not null then (
           select first.id
           from (select b.id, b.seq from apalis.jobs b
                 where b.job_type = j.job_type and b.ordering_key = j.ordering_key and b.seq < j.seq
                   and b.ordering_key is not null and (b.lock_by is not null or b.deferred or b.suspect)
                 union all
                 select d.id, d.seq from jobs.dead_letters d
                 where d.queue = j.job_type and d.ordering_key = j.ordering_key and d.seq < j.seq and d.holds_key) first
           order by first.seq limit 1)
       end as blocked_by,
       case when j.attempts > 0 or j.waiting_for is not null or j.crashes > 0 then (
           select e.error from jobs.last_errors e where e.job_id = j.id)
       end as error,
       j.job as payload, coalesce(hstore_to_jsonb(j.metadata), '{}') as metadata,
       null::text as reason, null::boolean as holds_key,
       null::timestamptz as discarded_at, null::text as discarded_by, null::text as discard_reason,
       case when j.attempts > 0 or j.crashes > 0 then (
           select e.fingerprint from jobs.last_errors e where e.job_id = j.id)
       end as fingerprint
from apalis.jobs j
left join jobs.queues w on w.name = j.job_type
union all
select 'completed', c.id, c.queue, c.kind, c.seq, c.state,
       c.tenant_id, c.subject, c.ordering_key, c.correlation_id, null, c.traceparent,
       c.attempt, null, null, c.redrives, c.created_at,
       null, c.started_at, c.completed_at, c.worker, null,
       null,
       c.error,
       c.payload, null,
       null, null, null, null, null,
       null
from jobs.completed c
union all
select 'dead', d.id, d.queue, d.kind, d.seq, case when d.discarded_at is null then 'dead' else 'discarded' end,
       d.tenant_id, d.subject, d.ordering_key, d.correlation_id, d.causation_id, d.traceparent,
       d.attempts, d.max_attempts, d.crashes, d.redrives, d.created_at,
       null, null, d.died_at, null, null,
       null,
       d.error,
       d.payload, d.metadata,
       d.reason, d.holds_key, d.discarded_at, d.discarded_by, d.discard_reason,
       d.fingerprint
from jobs.dead_letters d;

-- Groups: every dead letter that nobody has handled, in the order of its group, its tenant and what it is about,
-- with all that is counted and asked for, so that the table itself is not read.
create index dead_letters_groups_idx on jobs.dead_letters (fingerprint, tenant_id, subject)
    include (queue, kind, reason, id, died_at) where discarded_at is null;
-- The few live jobs that have failed, among all that have not: those are not in it, and cost nothing.
create index jobs_failed_idx on apalis.jobs (id) where attempts > 0 or crashes > 0;
