-- What else operators do with dead letters: keep them, bring them back, and correct them.

-- 1. Archived: kept for good, out of the list of what is left to do -----------------------------

alter table jobs.dead_letters
    add column archived_at    timestamptz,
    add column archived_by    text,
    add column archive_reason text,
    add constraint dead_letters_archive_complete check
        ((archived_at is null) = (archived_by is null) and (archived_at is null) = (archive_reason is null)),
    add constraint dead_letters_archived_holds_nothing check (archived_at is null or not holds_key),
    add constraint dead_letters_archived_or_discarded check (archived_at is null or discarded_at is null);

alter table jobs.attempts drop constraint attempts_outcome_known;
alter table jobs.attempts add constraint attempts_outcome_known check (outcome in
    ('failed', 'dead', 'unavailable', 'snoozed', 'cancelled', 'crashed', 'redriven', 'discarded', 'run_now', 'archived',
     'restored'));

-- Every job, in whichever table it is, and the one place that says in which state.
--   place        'live', 'completed' or 'dead': give it as a constant and the other tables are not read
--   attempts     attempts that have ended
--   next_run_at  when a job that is not running is due
--   started_at   of the last attempt, as far as known;  ended_at: completed, cancelled or dead since
--   blocked_by   the first job that holds back a blocked one
--   error        what it failed with last;  fingerprint: of that, once an attempt has failed
--   waiting_for  what it was handed back for, or what its queue waits for
--   the state of a dead letter is that of the index dead_letters_state_idx, word for word
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
       end as fingerprint,
       null::timestamptz as archived_at, null::text as archived_by, null::text as archive_reason
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
       null,
       null, null, null
from jobs.completed c
union all
select 'dead', d.id, d.queue, d.kind, d.seq,
       case when d.discarded_at is not null then 'discarded' when d.archived_at is not null then 'archived' else 'dead' end,
       d.tenant_id, d.subject, d.ordering_key, d.correlation_id, d.causation_id, d.traceparent,
       d.attempts, d.max_attempts, d.crashes, d.redrives, d.created_at,
       null, null, d.died_at, null, null,
       null,
       d.error,
       d.payload, d.metadata,
       d.reason, d.holds_key, d.discarded_at, d.discarded_by, d.discard_reason,
       d.fingerprint,
       d.archived_at, d.archived_by, d.archive_reason
from jobs.dead_letters d;

drop index jobs.dead_letters_state_idx;
create index dead_letters_state_idx on jobs.dead_letters
    ((case when discarded_at is not null then 'discarded' when archived_at is not null then 'archived' else 'dead' end), id);
drop index jobs.dead_letters_open_idx;
create index dead_letters_open_idx on jobs.dead_letters (queue) where discarded_at is null and archived_at is null;
drop index jobs.dead_letters_groups_idx;
create index dead_letters_groups_idx on jobs.dead_letters (fingerprint, tenant_id, subject)
    include (queue, kind, reason, id, died_at) where discarded_at is null and archived_at is null;
create index dead_letters_archived_idx on jobs.dead_letters (queue, archived_at) where archived_at is not null;

-- 2. Edited: a payload that was wrong is corrected and retried ----------------------------------

-- What it was, the patch, and what came of it. Kept as long as the job's history.
create table jobs.edits (
    id         uuid primary key,
    job_id     text collate "C" not null,
    queue      text not null,
    edited_at  timestamptz not null default now(),
    edited_by  text not null,
    reason     text not null,
    patch      jsonb not null,
    before     bytea not null,
    after      bytea not null,
    -- the event that takes the place of the one that the job should have published
    correction uuid
);
create index edits_job_id_idx on jobs.edits (job_id, edited_at);
grant select, insert on jobs.edits to portal_admin;

-- A committed event never changes: another one takes its place, which the log names. It has the sequence of the event
-- that it corrects: to consumers it is the one that they are missing, and the numbers of an aggregate stay its versions.
alter table kernel.events add column corrects uuid;
alter table kernel.events drop constraint events_aggregate_sequence_key;
alter table kernel.events add constraint events_aggregate_sequence_key
    unique nulls not distinct (module, aggregate_id, sequence, corrects);
create unique index events_corrects_key on kernel.events (corrects) where corrects is not null;

-- Operators may add nothing to the log but corrections: of an event that is there, and the same but for what it says.
create policy correct on kernel.events for insert to portal_admin with check (exists (
    select from kernel.events e
    where e.id = events.corrects and e.id::text = events.causation_id
      and e.tenant_id = events.tenant_id and e.type = events.type and e.data_version = events.data_version
      and e.source = events.source and e.subject = events.subject and e.module = events.module
      and e.aggregate_id = events.aggregate_id and e.sequence = events.sequence));
grant insert on kernel.events to portal_admin;

-- The next events of a replay, of whichever tenant: a worker sees one tenant at a time by itself. Not those that another
-- one corrects: nobody was to see them. At most p_window positions are looked at, however few of them match, along the
-- primary key.
create or replace function messaging.replay_batch(p_replay uuid, p_types text[], p_limit integer, p_window bigint)
returns setof kernel.events
    language sql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
as $$
    select e.*
    from messaging.replays r
    join kernel.events e on e.position > r.cursor and e.position <= least(r.last_position, r.cursor + p_window)
    where r.id = p_replay and r.state = 'running' and e.type = any (p_types)
      and (r.stream is null or e.module = r.stream)
      and (r.event_type is null or e.type = r.event_type)
      and (r.aggregate_id is null or e.aggregate_id = r.aggregate_id)
      and (r.occurred_from is null or e.occurred_at >= r.occurred_from)
      and (r.occurred_to is null or e.occurred_at < r.occurred_to)
      and (r.tenant is null or e.tenant_id = r.tenant)
      and not exists (select from kernel.events c where c.corrects = e.id)
    order by e.position
    limit p_limit
$$;

-- 3. Retention: how long what has ended is kept, per queue and state -----------------------------
--
-- The workers say how long, from their configuration; each function deletes p_limit rows at most, of those
-- that nobody else is deleting or bringing back. With the owner's rights: history is append-only for
-- everybody else. Whole days of jobs.completed are dropped once the longest time of any queue is over.

drop function jobs.expire_attempts(integer);
drop index jobs.attempts_ended_at_idx;
create index attempts_queue_ended_at_idx on jobs.attempts (queue, ended_at);
create index edits_queue_idx on jobs.edits (queue, edited_at);
create index completed_cancelled_queue_idx on jobs.completed (queue, completed_at) where state = 'cancelled';
create index dead_letters_discarded_idx on jobs.dead_letters (queue, discarded_at) where discarded_at is not null;

-- Completed or cancelled jobs (p_state) of a queue that ended more than p_keep_days ago. Returns how many it deleted.
create function jobs.expire_completed(p_queue text, p_state text, p_keep_days integer, p_limit integer) returns integer
    language plpgsql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
    -- the indexes are of one state each
    set plan_cache_mode = force_custom_plan
as $$
declare
    expired integer;
begin
    if p_keep_days < 1 then
        raise exception 'p_keep_days must be at least 1, got %', p_keep_days;
    end if;
    with old as (
        select c.id, c.completed_at from jobs.completed c
        where c.queue = p_queue and c.state = p_state and c.completed_at < now() - p_keep_days * interval '1 day'
        order by c.completed_at limit p_limit
        for update skip locked
    )
    delete from jobs.completed c using old where c.id = old.id and c.completed_at = old.completed_at;
    get diagnostics expired = row_count;
    return expired;
end
$$;

-- Discarded or archived dead letters (p_state) of a queue that were put away more than p_keep_days ago.
create function jobs.expire_dead_letters(p_queue text, p_state text, p_keep_days integer, p_limit integer) returns integer
    language plpgsql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_custom_plan
as $$
declare
    expired integer;
begin
    if p_keep_days < 1 then
        raise exception 'p_keep_days must be at least 1, got %', p_keep_days;
    end if;
    if p_state = 'discarded' then
        delete from jobs.dead_letters where id in (
            select d.id from jobs.dead_letters d
            where d.queue = p_queue and d.discarded_at < now() - p_keep_days * interval '1 day'
            order by d.discarded_at limit p_limit
            for update skip locked);
    elsif p_state = 'archived' then
        delete from jobs.dead_letters where id in (
            select d.id from jobs.dead_letters d
            where d.queue = p_queue and d.archived_at < now() - p_keep_days * interval '1 day'
            order by d.archived_at limit p_limit
            for update skip locked);
    else
        raise exception 'p_state must be discarded or archived, got %: others are left to do', p_state;
    end if;
    get diagnostics expired = row_count;
    return expired;
end
$$;

-- The histories of a queue's jobs that ended more than p_keep_days ago, and what was made of their payloads; what
-- belongs to a live job or a dead letter stays.
create function jobs.expire_history(p_queue text, p_keep_days integer, p_limit integer) returns integer
    language plpgsql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_custom_plan
as $$
declare
    expired integer;
    edits integer;
begin
    if p_keep_days < 1 then
        raise exception 'p_keep_days must be at least 1, got %', p_keep_days;
    end if;
    delete from jobs.attempts where position in (
        select a.position from jobs.attempts a
        where a.queue = p_queue and a.ended_at < now() - p_keep_days * interval '1 day'
          and not exists (select from apalis.jobs j where j.id = a.job_id)
          and not exists (select from jobs.dead_letters d where d.id = a.job_id)
        order by a.ended_at limit p_limit
        for update skip locked);
    get diagnostics expired = row_count;
    delete from jobs.edits where id in (
        select e.id from jobs.edits e
        where e.queue = p_queue and e.edited_at < now() - p_keep_days * interval '1 day'
          and not exists (select from apalis.jobs j where j.id = e.job_id)
          and not exists (select from jobs.dead_letters d where d.id = e.job_id)
        order by e.edited_at limit p_limit
        for update skip locked);
    get diagnostics edits = row_count;
    return greatest(expired, edits);
end
$$;

revoke execute on function jobs.expire_completed(text, text, integer, integer),
    jobs.expire_dead_letters(text, text, integer, integer), jobs.expire_history(text, integer, integer) from public;
grant execute on function jobs.expire_completed(text, text, integer, integer),
    jobs.expire_dead_letters(text, text, integer, integer), jobs.expire_history(text, integer, integer) to portal_worker;
