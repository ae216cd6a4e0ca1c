-- A claim by time only where time was asked for, and no claim that comes too late.

-- 1. Only what is deferred waits for its run_at: a database whose clock goes back an hour would
--    otherwise hold up everything that was inserted in that hour. A row pushed by a stock apalis
--    storage (no kind) is scheduled by its run_at alone.
-- 2. A claim whose answer did not come is given up, and what it took is handed back. It may be
--    on its way still, behind a line that stalls, and would take jobs that nobody knows of. So claims
--    are numbered, and handing back ends those of earlier numbers.

alter table jobs.workers add column claims_from bigint not null default 0;

drop function jobs.claim(text, text, integer, integer);

-- Takes up to p_limit jobs of a queue for a worker, in one round trip.
--
-- A job is claimable when it does not wait for its time, is not exhausted, and no earlier job of its key is held by
-- another worker, waits in backoff, is suspect, or holds the key as a dead letter. Earlier jobs
-- held by this very worker are no obstacle: it runs the jobs of a key one after another.
-- At most p_suspects jobs that were held by a dead worker come along; the caller runs them alone.
-- p_turn counts the worker's claims: one that was given up takes nothing (see jobs.release_unknown).
--
-- plpgsql, because each statement of a volatile function sees what committed while it waited for
-- the lock. Planned anew each time: a generic plan for an unknown limit reads the whole table.
create function jobs.claim(p_queue text, p_worker text, p_limit integer, p_suspects integer, p_turn bigint default null)
returns setof apalis.jobs
    language plpgsql volatile
    set plan_cache_mode = force_custom_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    perform jobs.lock_queue(p_queue);
    -- After the lock, which pausing takes too: once a queue is paused, nothing more of it is claimed.
    if exists (select from jobs.queues q where q.name = p_queue and q.paused_at is not null) then
        return;
    end if;
    -- A worker that was declared dead while it slept must not hold anything again: its rescue, which
    -- takes the same lock, is over.
    if not exists (
        select from jobs.workers w
        where w.id = p_worker and w.died_at is null and w.stopped_at is null
          and (p_turn is null or w.claims_from <= p_turn)) then
        return;
    end if;
    return query
    with
    ready as materialized (
        select j.id, j.priority, j.seq
        from apalis.jobs j
        where j.job_type = p_queue and j.lock_by is null and not j.deferred and not j.suspect
          and (j.kind is not null or j.run_at <= now()) and j.attempts < j.max_attempts
          and (j.ordering_key is null or (
              not exists (
                  select from apalis.jobs b
                  where b.job_type = j.job_type and b.ordering_key = j.ordering_key and b.seq < j.seq
                    and b.ordering_key is not null and (b.lock_by is not null or b.deferred or b.suspect)
                    and b.lock_by is distinct from p_worker)
              and not exists (
                  select from jobs.dead_letters d
                  where d.queue = j.job_type and d.ordering_key = j.ordering_key and d.seq < j.seq and d.holds_key)))
        order by j.priority desc, j.seq
        limit p_limit
        for update of j skip locked
    ),
    due as materialized (
        select j.id, j.priority, j.seq
        from apalis.jobs j
        where j.job_type = p_queue and j.deferred and not j.suspect
          and j.run_at <= now() and j.attempts < j.max_attempts
          and (j.ordering_key is null or (
              not exists (
                  select from apalis.jobs b
                  where b.job_type = j.job_type and b.ordering_key = j.ordering_key and b.seq < j.seq
                    and b.ordering_key is not null and (b.lock_by is not null or b.deferred or b.suspect)
                    and b.lock_by is distinct from p_worker)
              and not exists (
                  select from jobs.dead_letters d
                  where d.queue = j.job_type and d.ordering_key = j.ordering_key and d.seq < j.seq and d.holds_key)))
        order by j.run_at
        limit p_limit
        for update of j skip locked
    ),
    suspects as materialized (
        select j.id, j.priority, j.seq
        from apalis.jobs j
        where j.job_type = p_queue and j.suspect and j.lock_by is null
          and (not j.deferred or j.run_at <= now()) and j.attempts < j.max_attempts
          and (j.ordering_key is null or (
              not exists (
                  select from apalis.jobs b
                  where b.job_type = j.job_type and b.ordering_key = j.ordering_key and b.seq < j.seq
                    and b.ordering_key is not null and (b.lock_by is not null or b.deferred or b.suspect)
                    and b.lock_by is distinct from p_worker)
              and not exists (
                  select from jobs.dead_letters d
                  where d.queue = j.job_type and d.ordering_key = j.ordering_key and d.seq < j.seq and d.holds_key)))
        order by j.seq
        limit p_suspects
        for update of j skip locked
    ),
    picked as (
        (select c.id from (select * from due union all select * from ready) c
         order by c.priority desc, c.seq limit p_limit)
        union all
        select s.id from suspects s
    )
    update apalis.jobs j
    set status = 'Running', lock_by = p_worker, lock_at = now(), claims = j.claims + 1,
        deferred = false, waiting_for = null
    from picked
    where j.id = picked.id
    returning j.*;
end
$$;

-- Hands back what a worker holds in a queue beside p_known: jobs of a claim whose answer it never got.
-- Ends its claims of earlier turns, in any queue: one that is under way comes to its end before, and
-- none comes after. The same holds for itself: late, it would hand back what was claimed since.
create function jobs.release_unknown(p_queue text, p_worker text, p_known text[], p_turn bigint) returns bigint
    language plpgsql volatile
    set plan_cache_mode = force_custom_plan
as $$
declare
    released bigint := 0;
begin
    perform jobs.lock_queue(p_queue);
    update jobs.workers set claims_from = p_turn where id = p_worker and claims_from < p_turn;
    if found then
        update apalis.jobs
        set lock_by = null, lock_at = null, alone = false,
            status = case when attempts > 0 then 'Failed' else 'Pending' end
        where lock_by = p_worker and job_type = p_queue and id <> all(p_known);
        get diagnostics released = row_count;
    end if;
    return released;
end
$$;
