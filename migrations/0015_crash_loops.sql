-- A job that kills its worker again and again is a dead letter that its kind can react to, like any other.

drop function jobs.rescue(text, bigint, text[], integer[], boolean[]);

-- Takes back what a dead worker held. p_beats is the counter the observer saw unchanged: if the
-- worker has beaten since, nothing happens. A job that ran alone is charged the crash, and
-- quarantined after its queue's p_max_crashes; if none ran alone, all that were held are suspects.
-- Where p_reacts says that something reacts to a dead letter, a worker makes it, so that both happen in
-- one transaction: the job stays a suspect. (A worker of an earlier release does not say; its dead
-- letters are without a reaction.)
-- Returns the number of jobs taken back, or null when the worker turned out to be alive or gone.
create function jobs.rescue(p_worker text, p_beats bigint, p_queues text[], p_max_crashes integer[], p_holds_key boolean[],
    p_reacts boolean[] default null)
returns integer
    language plpgsql volatile
    set plan_cache_mode = force_custom_plan
as $$
declare
    culprit_known boolean;
    taken integer := 0;
    n integer;
begin
    -- claims of this worker that are under way finish first, later ones see that it is dead
    perform jobs.lock_queue(q) from (select unnest(queues) as q from jobs.workers where id = p_worker order by 1) held;

    update jobs.workers set died_at = now()
    where id = p_worker and beats = p_beats and died_at is null and stopped_at is null;
    if not found then
        return null;
    end if;

    culprit_known := exists (select from apalis.jobs where lock_by = p_worker and alone);

    with charged as (
        select j.id, j.crashes + 1 as crashes, coalesce(c.max_crashes, 3) as max_crashes, coalesce(c.holds_key, false) as holds_key,
               coalesce(c.reacts, false) as reacts
        from apalis.jobs j
        left join unnest(p_queues, p_max_crashes, p_holds_key, p_reacts) as c(queue, max_crashes, holds_key, reacts)
            on c.queue = j.job_type
        where j.lock_by = p_worker and j.alone
        for update of j
    ),
    history as (
        insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, tenant_id, started_at, ended_at)
        select j.id, j.job_type, coalesce(j.kind, j.job_type), j.attempts + 1, 'crashed',
               'its worker process died while it ran alone (' || c.crashes || ' of ' || c.max_crashes || ' crashes)',
               'crash', p_worker, j.tenant_id, j.lock_at, now()
        from charged c join apalis.jobs j on j.id = c.id
    ),
    quarantined as (
        delete from apalis.jobs j using charged c
        where j.id = c.id and c.crashes >= c.max_crashes and not c.reacts
        returning j.*, c.crashes as charged_crashes, c.holds_key
    ),
    dead as (
        insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
            max_attempts, crashes, redrives, priority, tenant_id, subject, ordering_key, correlation_id, causation_id,
            traceparent, created_at, holds_key)
        select id, job_type, coalesce(kind, job_type), seq, 'crash_loop',
               'killed its worker process ' || charged_crashes || ' times', 'crash', job,
               coalesce(hstore_to_jsonb(metadata), '{}'), attempts, max_attempts, charged_crashes, redrives,
               coalesce(priority, 0), tenant_id, subject, ordering_key, correlation_id, causation_id, traceparent,
               created_at, holds_key and ordering_key is not null
        from quarantined
        returning id
    ),
    kept as (
        update apalis.jobs j
        set crashes = c.crashes, suspect = true, alone = false, lock_by = null, lock_at = null,
            status = case when j.attempts > 0 then 'Failed' else 'Pending' end
        from charged c
        where j.id = c.id and (c.crashes < c.max_crashes or c.reacts)
        returning j.id
    )
    select (select count(*) from dead) + (select count(*) from kept) into taken;

    update apalis.jobs j
    set suspect = j.suspect or not culprit_known, lock_by = null, lock_at = null,
        status = case when j.attempts > 0 then 'Failed' else 'Pending' end
    where j.lock_by = p_worker;
    get diagnostics n = row_count;
    return taken + n;
end
$$;

revoke execute on function jobs.rescue(text, bigint, text[], integer[], boolean[], boolean[]) from public;
grant execute on function jobs.rescue(text, bigint, text[], integer[], boolean[], boolean[]) to portal_worker;
